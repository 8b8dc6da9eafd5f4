"""Builds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import koji

from devhub import builds, lookup, rpmfile
from devhub.builds import BuildRef
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("getBuild")
def get_build(call: Call, buildInfo: BuildRef, strict: bool = False) -> dict[str, Any] | None:
    """Give a build by id, NVR or name, version and release, or nil."""
    return (builds.must_find if strict else builds.get)(call.connection, buildInfo)


@method("listBuilds")
def list_builds(
    call: Call,
    packageID: NameOrId | None = None,
    userID: NameOrId | None = None,
    taskID: int | None = None,
    prefix: str | None = None,
    state: int | None = None,
    volumeID: int | None = None,
    source: str | None = None,
    createdBefore: float | str | None = None,
    createdAfter: float | str | None = None,
    completeBefore: float | str | None = None,
    completeAfter: float | str | None = None,
    type: str | None = None,
    typeInfo: Value = None,
    queryOpts: dict[str, Value] | None = None,
    pattern: str | None = None,
    cgID: NameOrId | None = None,
    draft: bool | None = None,
) -> Value:
    """List builds that match everything given; of what is not there, a package or a user, there are none.

    Texts are matched without regard to case, globs and prefixes; a `taskID` of -1 means any task.
    """
    connection = call.connection
    wanted = {
        "builds.package_id = ?": _id_of(call, "packages", packageID),
        "builds.owner = ?": _id_of(call, "users", userID),
        "builds.task_id = ?" if taskID != -1 else "builds.task_id > ?": taskID,
        "packages.name LIKE ? || '%' ESCAPE '\\'": options.escaped(prefix) if prefix else None,
        "packages.name || '-' || version || '-' || release LIKE ? ESCAPE '\\'": options.like(pattern)
        if pattern
        else None,
        "builds.state = ?": state,
        "builds.source LIKE ? ESCAPE '\\'": None if source is None else options.like(source),
        "events.time < ?": options.seconds(createdBefore),
        "events.time > ?": options.seconds(createdAfter),
        "builds.completion_time < ?": options.seconds(completeBefore),
        "builds.completion_time > ?": options.seconds(completeAfter),
        "builds.cg_id = ?": _id_of(call, "content_generators", cgID),
        "0 = ?": volumeID,
        "builds.id IN (SELECT build_id FROM build_types WHERE btype_id = ?)": builds.btype_id(connection, type),
    }
    given = {clause: value for clause, value in wanted.items() if value is not None}
    where = " AND ".join(given) or "1"
    rows = connection.execute(f"{builds.SELECT} WHERE {where} ORDER BY builds.id", list(given.values()))
    return options.shape([builds.brief(row) for row in rows], queryOpts)


@method("getBuildType")
def get_build_type(call: Call, buildInfo: BuildRef, strict: bool = False) -> dict[str, Value] | None:
    """Give the types of a build with the type information of each, or nil."""
    found = get_build(call, buildInfo, strict)
    if found is None:
        return None
    rows = call.connection.execute(
        "SELECT name FROM build_types JOIN btypes ON btypes.id = btype_id WHERE build_id = ? ORDER BY name",
        (found["id"],),
    )
    typeinfo = (found["extra"] or {}).get("typeinfo", {})
    return {row["name"]: typeinfo.get(row["name"]) for row in rows}


@method("cancelBuild", writes=True)
def cancel_build(call: Call, buildID: BuildRef, strict: bool = False) -> bool:
    """Cancel a running build and its task; false when it is not running."""
    session = call.login()
    found = get_build(call, buildID, strict)
    if found is None:
        return False
    if found["owner_id"] != session.user_id and not call.has():
        raise koji.ActionNotAllowed("Cannot cancel build, not owner")
    return builds.cancel(call.connection, found["id"])


@method("getAverageBuildDuration")
def get_average_build_duration(call: Call, package: NameOrId, age: int | None = None) -> float | None:
    """Give how long the complete builds of a package took on average, in seconds (of the last `age` months), or nil."""
    package_id = _id_of(call, "packages", package)
    months = "-1000 years" if age is None else f"-{int(age)} months"
    row = call.connection.execute(
        "SELECT avg(builds.completion_time - events.time) AS seconds FROM builds"
        " JOIN events ON events.id = builds.create_event WHERE package_id = ? AND state = ? AND task_id IS NOT NULL"
        " AND builds.completion_time > CAST(strftime('%s', 'now', ?) AS REAL)",
        (package_id, builds.COMPLETE, months),
    ).fetchone()
    seconds = row["seconds"]
    return None if seconds is None else float(seconds)


@method("getBuildLogs")
def get_build_logs(call: Call, build: BuildRef) -> list[dict[str, Any]]:
    """List the log files that are kept with a build."""
    found = builds.must_find(call.connection, build)
    top = Path(call.settings.paths.build_logs(found))
    return [_log(call, top, path) for path in sorted(top.rglob("*")) if path.is_file() and not path.is_symlink()]


@method("getChangelogEntries")
def get_changelog_entries(
    call: Call,
    buildID: BuildRef | None = None,
    taskID: int | None = None,
    filepath: str | None = None,
    author: str | None = None,
    before: float | None = None,
    after: float | None = None,
    queryOpts: dict[str, Value] | None = None,
    strict: bool = False,
) -> Value:
    """Give the changelog of a build's source package, the newest entry first."""
    found = builds.get(call.connection, buildID) if buildID is not None else None
    if found is None:
        if strict:
            raise koji.GenericError(f"No such build: {buildID!r}")
        return []
    entries = []
    for rpm in builds.rpms_of(call.connection, found["id"]):
        if rpm["arch"] == "src":
            path = Path(call.settings.paths.build(found)) / call.settings.paths.rpm(dict(rpm))
            entries = _changelog(path) if path.exists() else []
    chosen = [entry for entry in entries if author in (None, entry["author"])]
    return options.shape([entry for entry in chosen if _between(entry["date_ts"], after, before)], queryOpts)


@method("listBTypes")
def list_btypes(call: Call, query: dict[str, Value] | None = None, queryOpts: dict[str, Value] | None = None) -> Value:
    """List the types of builds."""
    rows = [dict(row) for row in call.connection.execute("SELECT id, name FROM btypes ORDER BY id")]
    chosen = [row for row in rows if all(row.get(key) == value for key, value in (query or {}).items())]
    return options.shape(chosen, queryOpts)


@method("addBType", writes=True)
def add_btype(call: Call, name: str) -> None:
    """Enter a type of builds."""
    call.require("admin")
    if lookup.find(call.connection, "btypes", lookup.check_name(name)):
        raise koji.GenericError("btype already exists")
    lookup.find_or_create(call.connection, "btypes", name)


@method("listVolumes")
def list_volumes(call: Call) -> list[dict[str, Any]]:
    """List the volumes; this hub has the default one."""
    return [VOLUME]


VOLUME = {"id": 0, "name": "DEFAULT"}


def _id_of(call: Call, table: str, ref: NameOrId | None) -> int | None:
    """Give the id of what something names: None for None, and -1, which nothing has, for what is not there."""
    found = None if ref is None else lookup.find(call.connection, table, ref)
    return None if ref is None else found["id"] if found else -1


def _between(seconds: float, after: float | None, before: float | None) -> bool:
    return (after is None or seconds > after) and (before is None or seconds < before)


def _log(call: Call, top: Path, path: Path) -> dict[str, Any]:
    directory = str(path.parent.relative_to(top))
    return {
        "name": path.name,
        "path": f"{top.relative_to(call.settings.files)}/{directory}/{path.name}",
        "dir": directory,
    }


def _changelog(path: Path) -> list[dict[str, Any]]:
    header = rpmfile.read_header(path)
    columns = (header.get(rpmfile.TAGS[f"CHANGELOG{part}"]) or [] for part in ("TIME", "NAME", "TEXT"))
    return [
        {
            "date": str(datetime.fromtimestamp(when, UTC).replace(tzinfo=None)),
            "date_ts": when,
            "author": who,
            "text": what,
        }
        for when, who, what in zip(*columns, strict=False)
    ]
