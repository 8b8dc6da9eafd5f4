"""RPMs, buildroots and archives."""

from __future__ import annotations

import json
from pathlib import Path
from sqlite3 import Row
from typing import Any

import koji

from devhub import builds, events, listing, lookup, rpmfile
from devhub.builds import BuildRef
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value

RpmRef = int | str | dict[str, Any]


@method("listBuildRPMs")
def list_build_rpms(call: Call, build: BuildRef) -> list[dict[str, Any]]:
    """List the RPMs of a build."""
    build_id = build if isinstance(build, int) else builds.must_find(call.connection, build)["id"]
    return [_info(row) for row in builds.rpms_of(call.connection, build_id)]


@method("listRPMs")
def list_rpms(
    call: Call,
    buildID: int | None = None,
    buildrootID: int | None = None,
    imageID: int | None = None,
    componentBuildrootID: int | None = None,
    hostID: int | None = None,
    arches: str | list[str] | None = None,
    queryOpts: dict[str, Value] | None = None,
    draft: bool | None = None,
) -> Value:
    """List the RPMs of a build, or those made in a buildroot, of some arches; what was installed in one is not kept."""
    if componentBuildrootID is not None:
        return options.shape([], queryOpts)
    wanted = {"build_id = ?": buildID, "buildroot_id = ?": buildrootID}
    if imageID is not None:
        wanted["id IN (SELECT rpm_id FROM archive_components WHERE archive_id = ?)"] = imageID
    if hostID is not None:
        wanted["buildroot_id IN (SELECT id FROM buildroots WHERE host_id = ?)"] = hostID
    given = {clause: value for clause, value in wanted.items() if value is not None}
    where = " AND ".join(given) or "1"
    rows = call.connection.execute(f"SELECT * FROM rpms WHERE {where} ORDER BY id", list(given.values()))
    chosen = [arches] if isinstance(arches, str) else arches
    return options.shape([_info(row) for row in rows if chosen is None or row["arch"] in chosen], queryOpts)


@method("getRPM")
def get_rpm(call: Call, rpminfo: RpmRef, strict: bool = False, multi: bool = False) -> Value:
    """Give an RPM by id, file name (with or without .rpm) or name, version, release, arch; `multi` gives a list."""
    row = _find(call, rpminfo)
    if row is None and strict and not multi:
        raise koji.GenericError(f"No such rpm: {rpminfo!r}")
    if multi:
        return [_info(row)] if row else []
    return _info(row) if row else None


@method("getRPMHeaders")
def get_rpm_headers(
    call: Call,
    rpmID: RpmRef | None = None,
    taskID: int | None = None,
    filepath: str | None = None,
    headers: list[str] | None = None,
    strict: bool = False,
) -> dict[str, Value]:
    """Give header tags of an RPM, or of a file in a task's output, by their names in lower case."""
    path = _task_file(call, taskID, filepath) if taskID is not None else _build_file(call, rpmID)
    if path is None or not path.is_file():
        if strict or taskID is not None:
            raise koji.GenericError(f"Missing rpm file: {filepath or rpmID}")
        return {}
    header = rpmfile.read_header(path)
    return {name: rpmfile.get(header, name) for name in headers or []}


@method("queryRPMSigs")
def query_rpm_sigs(
    call: Call, rpm_id: RpmRef | None = None, sigkey: str | None = None, queryOpts: dict[str, Value] | None = None
) -> Value:
    """List signatures; this hub keeps unsigned packages."""
    return options.shape([], queryOpts)


@method("listRPMFiles")
def list_rpm_files(call: Call, rpmID: RpmRef, queryOpts: dict[str, Value] | None = None) -> Value:
    """List the files that an RPM installs."""
    path = _build_file(call, rpmID)
    if path is None or not path.is_file():
        return []
    header = rpmfile.read_header(path)
    indexes, bases, dirs, sizes = (
        rpmfile.get(header, tag) for tag in ("DIRINDEXES", "BASENAMES", "DIRNAMES", "FILESIZES")
    )
    names = [dirs[index] + base for index, base in zip(indexes, bases, strict=False)]
    return options.shape([{"name": name, "size": size} for name, size in zip(names, sizes, strict=False)], queryOpts)


@method("getRPMDeps")
def get_rpm_deps(
    call: Call,
    rpmID: RpmRef,
    depType: int | None = None,
    queryOpts: dict[str, Value] | None = None,
    strict: bool = False,
) -> Value:
    """List what an RPM requires (0), provides (1), obsoletes (2) and conflicts with (3)."""
    path = _build_file(call, rpmID)
    if path is None or not path.is_file():
        return []
    header = rpmfile.read_header(path)
    kinds = ("REQUIRE", "PROVIDE", "OBSOLETE", "CONFLICT")
    rows = [
        row for number, kind in enumerate(kinds) if depType in (None, number) for row in _deps(header, kind, number)
    ]
    return options.shape(rows, queryOpts)


@method("listBuildroots")
def query_buildroots(
    call: Call,
    hostID: int | None = None,
    tagID: int | None = None,
    state: int | list[int] | None = None,
    rpmID: int | None = None,
    archiveID: int | None = None,
    taskID: int | None = None,
    buildrootID: int | None = None,
    repoID: int | None = None,
    queryOpts: dict[str, Value] | None = None,
) -> Value:
    """List buildroots that match everything given."""
    wanted = {
        "buildroots.host_id = ?": hostID,
        "repos.tag_id = ?": tagID,
        "buildroots.task_id = ?": taskID,
        "buildroots.id = ?": buildrootID,
        "buildroots.repo_id = ?": repoID,
        "buildroots.id IN (SELECT buildroot_id FROM rpms WHERE id = ?)": rpmID,
        "buildroots.id IN (SELECT buildroot_id FROM archives WHERE id = ?)": archiveID,
    }
    given = {clause: value for clause, value in wanted.items() if value is not None}
    states = [state] if isinstance(state, int) else state
    rows = call.connection.execute(f"{BUILDROOTS} WHERE {' AND '.join(given) or '1'}", list(given.values()))
    found = [_buildroot(row) for row in rows]
    return options.shape([row for row in found if states is None or row["state"] in states], queryOpts)


@method("getBuildroot")
def get_buildroot(call: Call, buildrootID: int, strict: bool = False) -> dict[str, Any] | None:
    """Give a buildroot, or nil."""
    found = query_buildroots(call, buildrootID=buildrootID)
    if not found and strict:
        raise koji.GenericError(f"No such buildroot: {buildrootID!r}")
    return found[0] if found else None


@method("listArchives")
def list_archives(
    call: Call,
    buildID: int | None = None,
    buildrootID: int | None = None,
    componentBuildrootID: int | None = None,
    hostID: int | None = None,
    type: str | None = None,
    filename: str | None = None,
    size: int | None = None,
    checksum: str | None = None,
    checksum_type: int | None = None,
    typeInfo: Value = None,
    queryOpts: dict[str, Value] | None = None,
    imageID: int | None = None,
    archiveID: int | None = None,
    strict: bool = False,
) -> Value:
    """List archives (files of builds that are no RPMs) that match everything given."""
    if type is not None and lookup.find(call.connection, "btypes", type) is None:
        raise koji.GenericError(f"unsupported archive type: {type}")
    wanted = {
        "archives.build_id = ?": buildID,
        "archives.buildroot_id = ?": buildrootID,
        "archives.id = ?": archiveID,
        "btypes.name = ?": type,
        "archives.filename = ?": filename,
        "archives.size = ?": size,
        "archives.checksum = ?": checksum,
        "archives.checksum_type = ?": checksum_type,
        "archives.buildroot_id IN (SELECT id FROM buildroots WHERE host_id = ?)": hostID,
    }
    given = {clause: value for clause, value in wanted.items() if value is not None}
    rows = call.connection.execute(
        f"{ARCHIVES} WHERE {' AND '.join(given) or '1'} ORDER BY archives.id DESC", list(given.values())
    )
    found = options.shape([_archive(row) for row in rows], queryOpts)
    if strict and not found:
        raise koji.GenericError("No archives found.")
    return found


ARCHIVES = (
    "SELECT archives.*, btypes.name AS btype, archive_types.name AS type_name, description, extensions FROM archives"
    " JOIN btypes ON btypes.id = btype_id JOIN archive_types ON archive_types.id = type_id"
)
BUILDROOTS = (
    "SELECT buildroots.*, hosts.name AS host_name, content_generators.name AS cg_name, begun.time AS create_ts,"
    " ended.time AS retire_ts, repos.tag_id, repos.state AS repo_state, repos.create_event AS repo_create_event_id,"
    " made.time AS repo_ts, tags.name AS tag_name FROM buildroots LEFT JOIN hosts ON hosts.id = host_id"
    " LEFT JOIN content_generators ON content_generators.id = cg_id LEFT JOIN repos ON repos.id = repo_id"
    " LEFT JOIN tags ON tags.id = repos.tag_id LEFT JOIN events AS begun ON begun.id = buildroots.create_event"
    " LEFT JOIN events AS ended ON ended.id = retire_event LEFT JOIN events AS made ON made.id = repos.create_event"
)


def _find(call: Call, ref: RpmRef) -> Row | None:
    if isinstance(ref, int):
        clause, values = "id = ?", (ref,)
    else:
        if isinstance(ref, str) and ref.isascii() and ref.isdigit():
            return _find(call, int(ref))
        parts = koji.parse_NVRA(ref) if isinstance(ref, str) else ref
        if isinstance(parts.get("id"), int):
            return _find(call, parts["id"])
        if not {"name", "version", "release", "arch"} <= parts.keys():
            raise koji.GenericError(f"Invalid argument: {ref!r}")
        clause = "name = ? AND version = ? AND release = ? AND arch = ?"
        values = tuple(parts[key] for key in ("name", "version", "release", "arch"))
    row: Row | None = call.connection.execute(f"SELECT * FROM rpms WHERE {clause}", values).fetchone()
    return row


def _info(row: Row) -> dict[str, Any]:
    answer = listing.rpm_info(row)
    del answer["draft"]
    nvr = f"{row['name']}-{row['version']}-{row['release']}"
    return {**answer, "nvr": nvr, "external_repo_id": 0, "external_repo_name": "INTERNAL", "draft": False}


def _build_file(call: Call, ref: RpmRef | None) -> Path | None:
    row = None if ref is None else _find(call, ref)
    if row is None:
        return None
    build = builds.must_find(call.connection, row["build_id"])
    return Path(call.settings.paths.build(build), call.settings.paths.rpm(dict(row)))


def _task_file(call: Call, task_id: int, filepath: str | None) -> Path:
    if not filepath:
        raise koji.GenericError("filepath must be specified with taskID")
    if filepath.startswith("/") or ".." in Path(filepath).parts:
        raise koji.GenericError(f"Invalid filepath: {filepath}")
    return Path(call.settings.paths.task(int(task_id)), filepath)


def _deps(header: rpmfile.Header, kind: str, number: int) -> list[dict[str, Any]]:
    names, versions, flags = (rpmfile.get(header, f"{kind}{part}") for part in ("NAME", "VERSION", "FLAGS"))
    return [
        {"name": name, "version": version, "flags": flag, "type": number}
        for name, version, flag in zip(names, versions, flags, strict=False)
    ]


def _archive(row: Row) -> dict[str, Any]:
    keys = (
        "id",
        "build_id",
        "buildroot_id",
        "filename",
        "size",
        "checksum",
        "checksum_type",
        "btype",
        "btype_id",
        "type_id",
    )
    return {
        **{key: row[key] for key in keys},
        "type_name": row["type_name"],
        "type_description": row["description"],
        "type_extensions": row["extensions"],
        "compression_type": None,
        "metadata_only": False,
        "extra": json.loads(row["extra"]) if row["extra"] else None,
    }


def _buildroot(row: Row) -> dict[str, Any]:
    keys = (
        *("id", "br_type", "arch", "host_id", "host_name", "repo_id", "repo_state", "repo_create_event_id", "tag_id"),
        *("tag_name", "task_id", "state", "cg_id", "cg_name", "cg_version", "container_type", "container_arch"),
        *("host_os", "host_arch"),
    )
    return {
        **{key: row[key] for key in keys},
        "extra": json.loads(row["extra"]) if row["extra"] else None,
        "create_event_id": row["create_event"],
        "create_event_time": events.stamp(row["create_ts"]),
        "create_ts": row["create_ts"],
        "retire_event_id": row["retire_event"],
        "retire_event_time": events.stamp(row["retire_ts"]),
        "retire_ts": row["retire_ts"],
        "repo_create_event_time": events.stamp(row["repo_ts"]),
    }
