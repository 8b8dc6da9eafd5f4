"""Importing what a content generator built: its metadata, its files, its components.

The order is Koji's: who may, what is in the metadata, is the name free, are the files what it says; only then is
anything written. Metadata that lacks something is Fault 1 with a KeyError, as Koji tells it. Files are copied before
the transaction ends; what a crash leaves of them is replaced by the next import.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji

from devhub import builds, events, lookup, uploads
from devhub.database import Connection
from devhub.settings import Settings
from devhub.values import Value

LEGACY = ("maven", "win", "image")


@dataclass(frozen=True, slots=True)
class _Output:
    """One file of an import, checked; `btype` is None for a log."""

    path: Path
    filename: str
    size: int
    checksum: str
    checksum_type: int
    buildroot_id: int
    btype: str | None
    extra: dict[str, Value] | None
    components: list[dict[str, Value]]


@dataclass
class Importer:
    """One import on behalf of a user."""

    connection: Connection
    settings: Settings
    user_id: int | None
    typeinfo: dict[str, Value] = field(default_factory=dict)

    def run(self, given: dict[str, Value] | str | None, directory: str, token: str | None) -> dict[str, Any]:
        """Check everything, then enter the build with its archives and give getBuild's struct."""
        top = uploads.directory(self.settings, directory)
        metadata = _metadata(given, top)
        if metadata["metadata_version"] != 0:
            raise koji.GenericError(f"No such metadata version: {metadata['metadata_version']!r}")
        cg_id = self._cg(metadata)
        build_id = self._reserved(metadata["build"], cg_id, token)
        new = self._new_build(metadata["build"], cg_id)
        self.typeinfo = _typeinfo(self.connection, metadata["build"])
        self._check_buildroots(metadata)
        outputs = [self._check_output(entry, top, metadata) for entry in metadata["output"]]
        if build_id is None:
            build_id = builds.begin(self.connection, new)
        else:
            self._update(build_id, new)
        builds.set_types(self.connection, build_id, tuple(self.typeinfo))
        self._write(build_id, metadata, cg_id, outputs)
        return builds.must_find(self.connection, build_id)

    def _cg(self, metadata: dict[str, Value]) -> int:
        names = [buildroot["content_generator"]["name"] for buildroot in metadata["buildroots"]]
        ids = {lookup.must_find(self.connection, "content_generators", name)["id"] for name in names}
        if len(ids) > 1:
            raise koji.GenericError("Koji now support only one content-generator per import")
        if not ids:
            raise koji.ParameterError("Invalid name or id value: None")
        return must_have_access(self.connection, ids.pop(), self.user_id)

    def _reserved(self, build: dict[str, Value], cg_id: int, token: str | None) -> int | None:
        if build.get("build_id"):
            must_be_reserved(self.connection, build["build_id"], token, cg_id)
            _must_be_the_same(builds.must_find(self.connection, build["build_id"]), build)
            return int(build["build_id"])
        if token is not None:
            raise koji.GenericError("Reservation token given, but no build_id in metadata")
        old = builds.get(self.connection, build)
        if old and old["state"] not in (builds.CANCELED, builds.FAILED):
            raise koji.GenericError(f"Build already exists: {old['nvr']} (id={old['id']})")
        return None

    def _new_build(self, build: dict[str, Value], cg_id: int) -> builds.NewBuild:
        owner = build.get("owner")
        if owner and not isinstance(owner, str):
            raise koji.GenericError(f"Invalid owner format (expected username): {owner}")
        koji.check_NVR(build, strict=True)
        return builds.NewBuild(
            name=build["name"],
            version=build["version"],
            release=build["release"],
            epoch=build.get("epoch"),
            owner=lookup.user(self.connection, owner)["id"] if owner else self.user_id or 0,
            task_id=_task_id(build),
            source=build.get("source"),
            extra={"typeinfo": {}, **(build.get("extra") or {})},
            state=builds.COMPLETE,
            cg_id=cg_id,
            start_time=float(build["start_time"]),
            completion_time=float(build["end_time"]),
            btypes=(),
        )

    def _update(self, build_id: int, new: builds.NewBuild) -> None:
        """Complete a reserved build: it began when it was reserved, and ends now."""
        self.connection.execute(
            "UPDATE builds SET state = ?, source = ?, extra = ?, owner = ?, task_id = ?, completion_time = ?,"
            " token = NULL WHERE id = ?",
            (
                *(builds.COMPLETE, new.source, json.dumps(new.extra), new.owner, new.task_id),
                *(time.time(), build_id),
            ),
        )

    def _check_buildroots(self, metadata: dict[str, Value]) -> None:
        used, seen = {output["buildroot_id"] for output in metadata["output"]}, set()
        for root in metadata["buildroots"]:
            if root["id"] not in used:
                raise koji.GenericError(f"Buildroot id not used in output: {root['id']!r}")
            if root["id"] in seen:
                raise koji.GenericError(f"Duplicate buildroot id in metadata: {root['id']!r}")
            seen.add(root["id"])
            _ = root["content_generator"]["version"], root["container"]["type"], root["container"]["arch"]
            _ = root["host"]["os"], root["host"]["arch"], root["tools"]
            for component in root["components"]:
                _check_component(component)

    def _check_output(self, entry: dict[str, Value], top: Path, metadata: dict[str, Value]) -> _Output:
        path = uploads.inside(top, str(entry.get("relpath", "")), str(entry["filename"]))
        _check_file(path, entry)
        if entry["buildroot_id"] not in [buildroot["id"] for buildroot in metadata["buildroots"]]:
            raise koji.GenericError(f"Missing buildroot metadata for id {entry['buildroot_id']!r}")
        if entry["type"] == "rpm":
            raise koji.GenericError(f"RPMs of content generators are not taken by this hub: {entry['filename']}")
        return _Output(
            path=path,
            filename=entry["filename"],
            size=entry["filesize"],
            checksum=entry["checksum"],
            checksum_type=koji.CHECKSUM_TYPES[entry["checksum_type"]],
            buildroot_id=entry["buildroot_id"],
            btype=None if entry["type"] == "log" else self._btype(entry),
            extra=entry.get("extra"),
            components=entry.get("components", []),
        )

    def _btype(self, entry: dict[str, Value]) -> str:
        extra = entry.get("extra", {})
        kinds = [*(key for key in extra if key in LEGACY), *extra.get("typeinfo", {})]
        if len(kinds) > len(set(kinds)):
            raise koji.GenericError(f"Duplicate typeinfo for: {kinds[0]!r}")
        if not kinds:
            raise koji.GenericError(f"No typeinfo for: {entry['filename']}")
        if len(kinds) > 1:
            raise koji.GenericError(f"Output file has multiple types: {entry['filename']}")
        if kinds[0] not in self.typeinfo:
            raise koji.GenericError(f"Output type {kinds[0]} not listed in build types")
        for component in entry.get("components", []):
            _check_component(component)
        _archive_type(self.connection, entry["filename"])
        return str(kinds[0])

    def _write(self, build_id: int, metadata: dict[str, Value], cg_id: int, outputs: list[_Output]) -> None:
        build = builds.must_find(self.connection, build_id)
        target = Path(self.settings.paths.build(build))
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "metadata.json").write_text(json.dumps(metadata, indent=2))
        roots = {root["id"]: _insert_buildroot(self.connection, root, cg_id) for root in metadata["buildroots"]}
        for output in outputs:
            kept = (
                Path(self.settings.paths.build_logs(build)) if output.btype is None else target / "files" / output.btype
            )
            kept.mkdir(parents=True, exist_ok=True)
            place = uploads.inside(kept, "", output.filename)
            if place.exists():
                what = "importing build log." if output.btype is None else "importing archive file,"
                raise koji.GenericError(f"Error {what} {place} already exists")
            shutil.copyfile(output.path, place)
            if output.btype is not None:
                _insert_archive(self.connection, build_id, output, roots[output.buildroot_id])


def must_have_access(connection: Connection, cg: lookup.NameOrId, user_id: int | None) -> int:
    """Give the id of a content generator, or raise AuthError for who may not import for it, an admin too."""
    found = lookup.must_find(connection, "content_generators", cg)
    if user_id is None:
        raise koji.AuthError("Not logged-in")
    if not _has_access(connection, found["id"], user_id):
        raise koji.AuthError(f"Content generator access required ({found['name']})")
    return int(found["id"])


def grant(connection: Connection, user_id: int, cg: lookup.NameOrId, *, create: bool = False) -> None:
    """Let a user import for a content generator; an unknown one is entered if told so, otherwise refused."""
    cg_id = (lookup.find_or_create if create else _id)(connection, "content_generators", cg)
    if _has_access(connection, cg_id, user_id):
        name = lookup.must_find(connection, "content_generators", cg_id)["name"]
        raise koji.GenericError(f"User already has access to content generator {name}")
    connection.execute("INSERT INTO cg_users VALUES (?, ?)", (cg_id, user_id))


def reserve(connection: Connection, new: builds.NewBuild) -> dict[str, Any]:
    """Enter a running build without a task and give its id and token; raise GenericError when its NVR is taken."""
    old = builds.get(connection, {"name": new.name, "version": new.version, "release": new.release})
    if old and old["state"] == builds.BUILDING and old["task_id"] is None:
        raise koji.GenericError("Build is already reserved")
    build_id = builds.begin(connection, new)
    token = secrets.token_hex(32)
    connection.execute("UPDATE builds SET token = ? WHERE id = ?", (token, build_id))
    return {"build_id": build_id, "token": token}


def must_be_reserved(connection: Connection, build_id: int, token: str | None, cg_id: int) -> None:
    """Raise GenericError unless a build is running, reserved by a content generator, with that token."""
    row = connection.execute("SELECT state, token, cg_id FROM builds WHERE id = ?", (build_id,)).fetchone()
    if row is None:
        raise koji.GenericError(f"No such build: {build_id!r}")
    if row["token"] is None or token is None or not secrets.compare_digest(row["token"], token):
        raise koji.GenericError(f"Token doesn't match build ID {build_id}")
    if row["cg_id"] != cg_id:
        raise koji.GenericError(f"Build ID {build_id} is not reserved by this CG")
    if row["state"] != builds.BUILDING:
        raise koji.GenericError(f"Build ID {build_id} is not in BUILDING state")


def _has_access(connection: Connection, cg_id: int, user_id: int) -> bool:
    query = "SELECT 1 FROM cg_users WHERE cg_id = ? AND user_id = ?"
    return connection.execute(query, (cg_id, user_id)).fetchone() is not None


def _must_be_the_same(reserved: dict[str, Any], build: dict[str, Value]) -> None:
    """Raise GenericError when metadata speaks of another build than the one that was reserved."""
    if any(reserved[key] != build[key] for key in ("name", "version", "release")):
        raise koji.GenericError(f"Build ({reserved['id']}) NVR is different")
    if "epoch" in build and reserved["epoch"] != build["epoch"]:
        raise koji.GenericError(f"Build ({reserved['id']}) epoch is different")


def _task_id(build: dict[str, Value]) -> int | None:
    """Give the task that metadata names, in one of two places or the same in both."""
    given = (build.get("task_id"), (build.get("extra") or {}).get("container_koji_task_id"))
    ids = [int(one) for one in given if one is not None]
    if len(set(ids)) > 1:
        raise koji.GenericError(f"CG provided non-matching task_id {ids[0]} and container_koji_task_id {ids[1]}")
    return ids[0] if ids else None


def _check_component(component: dict[str, Value]) -> None:
    if component["type"] not in ("rpm", "file", "kojifile"):
        raise koji.GenericError(f"No such component type: {component['type']}")
    if component["type"] == "rpm" and "location" in component:
        raise koji.GenericError("External rpms not allowed")
    if component["type"] == "rpm" and "id" in component:
        raise koji.GenericError("Unexpected 'id' field in component")


def _id(connection: Connection, table: str, name: lookup.NameOrId) -> int:
    return int(lookup.must_find(connection, table, name)["id"])


def _metadata(given: dict[str, Value] | str | None, top: Path) -> dict[str, Any]:
    text = "metadata.json" if given is None else given
    if isinstance(text, dict):
        return text
    if text.endswith(".json"):
        path = uploads.inside(top, "", text)
        if not path.is_file():
            raise koji.GenericError(f"No such file: {text}")
        text = path.read_text()
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise koji.GenericError(f"Invalid json data: {text!r}") from error


def _typeinfo(connection: Connection, build: dict[str, Value]) -> dict[str, Value]:
    extra = build.get("extra") or {}
    typeinfo = dict(extra.get("typeinfo", {}))
    for btype in LEGACY:
        if btype in extra and btype in typeinfo:
            raise koji.GenericError(f"Duplicate typeinfo for {btype!r}")
        typeinfo |= {btype: extra[btype]} if btype in extra else {}
    for btype in typeinfo:
        lookup.must_find(connection, "btypes", btype)
    return typeinfo


def _check_file(path: Path, entry: dict[str, Value]) -> None:
    size = path.stat().st_size
    if size != entry["filesize"]:
        told = f"(expected {entry['filesize']}) doesn't match. Corrupted upload?"
        raise koji.GenericError(f"File size {size} for {entry['filename']} {told}")
    digest = uploads.new_digest(entry["checksum_type"])
    with path.open("rb") as content:
        while piece := content.read(uploads.CHUNK):
            digest.update(piece)
    found = digest.hexdigest()
    if found != entry["checksum"]:
        raise koji.GenericError(f"File checksum mismatch for {entry['filename']}: {entry['checksum']} != {found}")


def _archive_type(connection: Connection, filename: str) -> int:
    """Give the type of an archive by the longest extension of its name that a type has."""
    rows = connection.execute("SELECT id, extensions FROM archive_types").fetchall()
    known = {extension: int(row["id"]) for row in rows for extension in row["extensions"].lower().split()}
    parts = filename.lower().split(".")
    for place in range(len(parts)):
        extension = ".".join(parts[place:])
        if extension in known:
            return known[extension]
    raise koji.GenericError(f"unsupported file extension: {filename}")


def _insert_buildroot(connection: Connection, root: dict[str, Value], cg_id: int) -> int:
    cg, host, container = root["content_generator"], root.get("host") or {}, root.get("container") or {}
    cursor = connection.execute(
        "INSERT INTO buildroots (br_type, cg_id, cg_version, host_os, host_arch, container_type, container_arch, extra,"
        " arch, create_event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(koji.BR_TYPES["EXTERNAL"], cg_id, cg.get("version"), host.get("os"), host.get("arch")),
            *(container.get("type"), container.get("arch"), json.dumps(root.get("extra")), container.get("arch")),
            events.current(connection),
        ),
    )
    return int(cursor.lastrowid or 0)


def _insert_archive(connection: Connection, build_id: int, output: _Output, buildroot_id: int) -> None:
    cursor = connection.execute(
        "INSERT INTO archives (build_id, buildroot_id, btype_id, type_id, filename, size, checksum,"
        " checksum_type, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(build_id, buildroot_id, _id(connection, "btypes", output.btype or "")),
            *(_archive_type(connection, output.filename), output.filename, output.size, output.checksum),
            *(output.checksum_type, json.dumps(output.extra)),
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO archive_components SELECT ?, id FROM rpms"
        " WHERE name = ? AND version = ? AND release = ? AND arch = ?",
        [
            (cursor.lastrowid, *(component[key] for key in ("name", "version", "release", "arch")))
            for component in output.components
            if component["type"] == "rpm"
        ],
    )
