"""Importing what a content generator built: its metadata, its files, its components.

The order is Koji's: who may, what is in the metadata, are the files what it says, is the name free; only then is
anything written. Files are copied before the transaction ends; what a crash leaves of them is replaced by
the next import.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji

from devhub import builds, events, lookup, uploads
from devhub.database import Connection
from devhub.settings import Settings
from devhub.values import Value

CHECKSUMS = {"md5": 0, "sha1": 1, "sha256": 2}


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
    user_id: int
    is_admin: bool = False
    typeinfo: dict[str, Value] = field(default_factory=dict)

    def run(self, given: dict[str, Value] | str | None, directory: str, token: str | None) -> dict[str, Any]:
        """Check everything, then enter the build with its archives and give getBuild's struct."""
        top = uploads.directory(self.settings, directory)
        metadata = _metadata(given, top)
        cg_id = self._cg(metadata)
        build_id = self._reserved(metadata["build"], cg_id, token)
        self.typeinfo = _typeinfo(self.connection, metadata["build"])
        outputs = [self._check_output(entry, top, metadata) for entry in metadata["output"]]
        if build_id is None:
            build_id = builds.begin(self.connection, self._new_build(metadata["build"], cg_id))
        else:
            self._update(build_id, metadata["build"])
        builds.set_types(self.connection, build_id, tuple(self.typeinfo))
        self._write(build_id, metadata, cg_id, outputs)
        return builds.must_find(self.connection, build_id)

    def _cg(self, metadata: dict[str, Value]) -> int:
        names = {buildroot["content_generator"]["name"] for buildroot in metadata["buildroots"]}
        if len(names) != 1:
            raise koji.GenericError("Koji now support only one content-generator per import")
        return must_have_access(self.connection, names.pop(), self.user_id, is_admin=self.is_admin)

    def _reserved(self, build: dict[str, Value], cg_id: int, token: str | None) -> int | None:
        if build.get("build_id"):
            must_be_reserved(self.connection, build["build_id"], token, cg_id)
            return int(build["build_id"])
        if token is not None:
            raise koji.GenericError("Reservation token given, but no build_id in metadata")
        names = {key: build[key] for key in ("name", "version", "release")}
        old = builds.get(self.connection, names)
        if old and old["state"] not in (builds.CANCELED, builds.FAILED):
            raise koji.GenericError(f"Build already exists: {old['nvr']} (id={old['id']})")
        koji.check_NVR(names, strict=True)
        return None

    def _new_build(self, build: dict[str, Value], cg_id: int) -> builds.NewBuild:
        owner = build.get("owner")
        return builds.NewBuild(
            name=build["name"],
            version=build["version"],
            release=build["release"],
            epoch=build.get("epoch"),
            owner=lookup.user(self.connection, owner)["id"] if owner else self.user_id,
            task_id=build.get("task_id"),
            source=build.get("source"),
            extra=build.get("extra") or {"typeinfo": {}},
            state=builds.COMPLETE,
            cg_id=cg_id,
            start_time=float(build["start_time"]),
            completion_time=float(build["end_time"]),
            btypes=(),
        )

    def _update(self, build_id: int, build: dict[str, Value]) -> None:
        self.connection.execute(
            "UPDATE builds SET state = ?, source = ?, extra = ?, start_time = ?, completion_time = ?, token = NULL"
            " WHERE id = ?",
            (
                *(builds.COMPLETE, build.get("source"), json.dumps(build.get("extra") or {})),
                *(float(build["start_time"]), float(build["end_time"]), build_id),
            ),
        )

    def _check_output(self, entry: dict[str, Value], top: Path, metadata: dict[str, Value]) -> _Output:
        path = uploads.inside(top, str(entry.get("relpath", "")), str(entry["filename"]))
        if not path.is_file():
            raise koji.GenericError(f"No such file: {entry['filename']}")
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
            checksum_type=CHECKSUMS[entry["checksum_type"]],
            buildroot_id=entry["buildroot_id"],
            btype=None if entry["type"] == "log" else self._btype(entry),
            extra=entry.get("extra"),
            components=entry.get("components", []),
        )

    def _btype(self, entry: dict[str, Value]) -> str:
        kinds = list((entry.get("extra") or {}).get("typeinfo", {}))
        if not kinds:
            raise koji.GenericError(f"No typeinfo for: {entry['filename']}")
        if len(kinds) > 1:
            raise koji.GenericError(f"Output file has multiple types: {entry['filename']}")
        if kinds[0] not in self.typeinfo:
            raise koji.GenericError(f"Output type {kinds[0]} not listed in build types")
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
            shutil.copyfile(output.path, uploads.inside(kept, "", output.filename))
            if output.btype is not None:
                _insert_archive(self.connection, build_id, output, roots[output.buildroot_id])


def must_have_access(connection: Connection, cg: str, user_id: int, *, is_admin: bool) -> int:
    """Give the id of a content generator, or raise AuthError when the user may not import for it."""
    cg_id = int(lookup.must_find(connection, "content_generators", cg)["id"])
    granted = connection.execute("SELECT 1 FROM cg_users WHERE cg_id = ? AND user_id = ?", (cg_id, user_id)).fetchone()
    if not granted and not is_admin:
        raise koji.AuthError(f"Content generator access required ({cg})")
    return cg_id


def grant(connection: Connection, user_id: int, cg: str, *, create: bool = False) -> None:
    """Let a user import for a content generator; an unknown one is entered if told so, otherwise refused."""
    entry = lookup.find_or_create if create else _id
    connection.execute(
        "INSERT OR IGNORE INTO cg_users VALUES (?, ?)", (entry(connection, "content_generators", cg), user_id)
    )


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


def _id(connection: Connection, table: str, name: lookup.NameOrId) -> int:
    return int(lookup.must_find(connection, table, name)["id"])


def _metadata(given: dict[str, Value] | str | None, top: Path) -> dict[str, Any]:
    text: str | dict[str, Value] = "metadata.json" if given is None else given
    if isinstance(text, str) and text.endswith(".json"):
        path = uploads.inside(top, "", text)
        if not path.is_file():
            raise koji.GenericError(f"No such file: {text}")
        text = path.read_text()
    try:
        metadata = json.loads(text) if isinstance(text, str) else text
        version = metadata["metadata_version"]
        _ = metadata["build"]["name"], metadata["buildroots"], metadata["output"]
    except (ValueError, KeyError, TypeError) as error:
        raise koji.GenericError(f"Invalid metadata: {error!r}") from error
    if version != 0:
        raise koji.GenericError(f"Unknown metadata version: {version!r}")
    return dict(metadata)


def _typeinfo(connection: Connection, build: dict[str, Value]) -> dict[str, Value]:
    typeinfo = dict((build.get("extra") or {}).get("typeinfo", {}))
    for btype in typeinfo:
        lookup.must_find(connection, "btypes", btype)
    return typeinfo


def _check_file(path: Path, entry: dict[str, Value]) -> None:
    size = path.stat().st_size
    if size != entry["filesize"]:
        told = f"(expected {entry['filesize']}) doesn't match. Corrupted upload?"
        raise koji.GenericError(f"File size {size} for {entry['filename']} {told}")
    if entry["checksum_type"] not in CHECKSUMS:
        raise koji.GenericError(f"Unsupported verify type: {entry['checksum_type']}")
    with path.open("rb") as content:
        found = hashlib.file_digest(content, entry["checksum_type"]).hexdigest()
    if found != entry["checksum"]:
        raise koji.GenericError(f"File checksum mismatch for {entry['filename']}: {entry['checksum']} != {found}")


def _archive_type(connection: Connection, filename: str) -> int:
    for row in connection.execute("SELECT id, extensions FROM archive_types ORDER BY id"):
        if any(filename.endswith(f".{extension}") for extension in row["extensions"].split()):
            return int(row["id"])
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
        " WHERE name = ? AND version = ? AND release = ? AND arch = ? AND payloadhash = ?",
        [
            (cursor.lastrowid, *(component[key] for key in ("name", "version", "release", "arch", "sigmd5")))
            for component in output.components
            if component["type"] == "rpm"
        ],
    )
