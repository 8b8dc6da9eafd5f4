"""Builds, their RPMs and their buildroots.

    build_id = begin(connection, NewBuild("foo", "1.0", "1", owner=2, task_id=7, source=..., extra=...))
    import_rpm(connection, build_id, read_facts(path), buildroot_id)     # then move the file to `rpm_path`
    complete(connection, build_id)      or fail / cancel

`begin` holds Koji's rules about a name-version-release that exists already: a failed or canceled one is begun again
under its old id, one that is building or complete is refused. Every function that writes needs a transaction.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import Any

import koji

from devhub import events, lookup, tasks
from devhub.database import Connection
from devhub.rpmfile import RpmFacts

BUILDING, COMPLETE = koji.BUILD_STATES["BUILDING"], koji.BUILD_STATES["COMPLETE"]
DELETED, FAILED, CANCELED = koji.BUILD_STATES["DELETED"], koji.BUILD_STATES["FAILED"], koji.BUILD_STATES["CANCELED"]

BuildRef = int | str | dict[str, Any]
"""A build's id, its NVR, or a struct with name, version and release."""

SELECT = (
    "SELECT builds.*, packages.name AS package_name, users.name AS owner_name, content_generators.name AS cg_name,"
    " events.time AS create_time FROM builds JOIN packages ON packages.id = builds.package_id"
    " JOIN users ON users.id = builds.owner JOIN events ON events.id = builds.create_event"
    " LEFT JOIN content_generators ON content_generators.id = builds.cg_id"
)


@dataclass(frozen=True, slots=True)
class NewBuild:
    """A build to begin; `extra` is stored as given (`{"source": {"original_url": ...}}` for builds from source)."""

    name: str
    version: str
    release: str
    owner: int
    epoch: int | None = None
    task_id: int | None = None
    source: str | None = None
    extra: dict[str, Any] | None = None
    state: int = BUILDING
    cg_id: int | None = None
    start_time: float | None = None
    completion_time: float | None = None
    btypes: tuple[str, ...] = field(default=("rpm",))


def begin(connection: Connection, new: NewBuild) -> int:
    """Enter a build and give its id; raise GenericError if its NVR is taken (Koji: new_build, recycle_build).

    Called again by the task that controls a running build it only gives the id: that task was restarted.
    """
    package_id = lookup.find_or_create(connection, "packages", lookup.check_name(new.name))
    old = connection.execute(
        "SELECT * FROM builds WHERE package_id = ? AND version = ? AND release = ?",
        (package_id, new.version, new.release),
    ).fetchone()
    if old is None:
        return _insert(connection, package_id, new)
    if old["state"] == BUILDING and new.state == BUILDING and new.task_id is not None and old["task_id"] == new.task_id:
        return int(old["id"])
    _must_be_recyclable(connection, old, package_id, new)
    _recycle(connection, old["id"], new)
    return int(old["id"])


def complete(connection: Connection, build_id: int) -> bool:
    """End a running build well; False when it is not running (it was canceled)."""
    return _end(connection, build_id, COMPLETE)


def fail(connection: Connection, build_id: int) -> bool:
    """End a running build badly; False when it is not running."""
    return _end(connection, build_id, FAILED)


def cancel(connection: Connection, build_id: int, cancel_task: bool = True) -> bool:
    """Cancel a running build and the whole tree of its task; False when it is not running (Koji: cancel_build)."""
    row = connection.execute("SELECT task_id FROM builds WHERE id = ?", (build_id,)).fetchone()
    if row is None or not _end(connection, build_id, CANCELED):
        return False
    if cancel_task and row["task_id"] is not None:
        tasks.cancel_group(connection, row["task_id"], strict=False)
    return True


def find_id(connection: Connection, ref: BuildRef) -> int | None:
    """Give the id of a build, or None; raise GenericError for a text that is no NVR, as Koji does."""
    if isinstance(ref, bool) or not isinstance(ref, int | str | dict):
        raise koji.GenericError(f"Invalid type for argument: {type(ref)}")
    if isinstance(ref, int):
        row = connection.execute("SELECT id FROM builds WHERE id = ?", (ref,)).fetchone()
        return int(row["id"]) if row else None
    row = connection.execute(
        "SELECT builds.id FROM builds JOIN packages ON packages.id = package_id"
        " WHERE name = ? AND version = ? AND release = ?",
        _parts(ref),
    ).fetchone()
    return int(row["id"]) if row else None


def must_find(connection: Connection, ref: BuildRef) -> dict[str, Any]:
    """Give getBuild's struct or raise "No such build"."""
    found = get(connection, ref)
    if found is None:
        raise koji.GenericError(f"No such build: {ref!r}")
    return found


def get(connection: Connection, ref: BuildRef) -> dict[str, Any] | None:
    """Give getBuild's struct of a build, or None."""
    build_id = find_id(connection, ref)
    if build_id is None:
        return None
    return info(connection.execute(f"{SELECT} WHERE builds.id = ?", (build_id,)).fetchone())


def info(row: Row) -> dict[str, Any]:
    """Shape a row of `SELECT` as getBuild answers it."""
    return {
        "id": row["id"],
        **brief(row),
        "cg_id": row["cg_id"],
        "cg_name": row["cg_name"],
    }


def brief(row: Row) -> dict[str, Any]:
    """Shape a row of `SELECT` as listBuilds answers it."""
    moments = {"start": row["start_time"], "completion": row["completion_time"], "creation": row["create_time"]}
    return {
        "build_id": row["id"],
        **names(row),
        "state": row["state"],
        "task_id": row["task_id"],
        "source": row["source"],
        "extra": json.loads(row["extra"]) if row["extra"] else None,
        "creation_event_id": row["create_event"],
        **{f"{moment}_time": events.stamp(seconds) for moment, seconds in moments.items()},
        **{f"{moment}_ts": seconds for moment, seconds in moments.items()},
        "promotion_ts": None,
        **NOT_USED,
    }


def names(row: Row) -> dict[str, Any]:
    """Give the part of a build's struct that names it, its package and its owner."""
    name = row["package_name"]
    return {
        "name": name,
        "version": row["version"],
        "release": row["release"],
        "epoch": row["epoch"],
        "nvr": f"{name}-{row['version']}-{row['release']}",
        "package_id": row["package_id"],
        "package_name": name,
        "owner_id": row["owner"],
        "owner_name": row["owner_name"],
    }


NOT_USED: dict[str, Any] = {
    "draft": False,
    "promoter_id": None,
    "promoter_name": None,
    "promotion_time": None,
    "volume_id": 0,
    "volume_name": "DEFAULT",
}
"""Fields of a build for drafts and volumes, which this hub does not have."""


def begin_buildroot(connection: Connection, *, task_id: int, arch: str, host_id: int, repo_id: int) -> int:
    """Enter a buildroot that a task builds in and give its id."""
    cursor = connection.execute(
        "INSERT INTO buildroots (task_id, arch, host_id, repo_id, state, container_type, container_arch, create_event)"
        " VALUES (?, ?, ?, ?, ?, 'chroot', ?, ?)",
        (task_id, arch, host_id, repo_id, koji.BR_STATES["BUILDING"], arch, events.current(connection)),
    )
    return int(cursor.lastrowid or 0)


def retire_buildroot(connection: Connection, buildroot_id: int) -> None:
    """Mark a buildroot as expired: its task is over."""
    connection.execute(
        "UPDATE buildroots SET state = ?, retire_event = ? WHERE id = ?",
        (koji.BR_STATES["EXPIRED"], events.current(connection), buildroot_id),
    )


def import_rpm(connection: Connection, build_id: int, rpm: RpmFacts, buildroot_id: int | None = None) -> int:
    """Enter an RPM of a build and give its id; raise GenericError when the same name, version, release, arch exists."""
    values = (rpm.name, rpm.version, rpm.release, rpm.arch)
    taken = connection.execute(
        "SELECT build_id FROM rpms WHERE name = ? AND version = ? AND release = ? AND arch = ?", values
    ).fetchone()
    if taken:
        raise koji.GenericError(f"rpm {rpm.nvr}.{rpm.arch} already exists, of build {taken['build_id']}")
    cursor = connection.execute(
        "INSERT INTO rpms (name, version, release, arch, epoch, build_id, buildroot_id, payloadhash, size, buildtime)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, rpm.epoch, build_id, buildroot_id, rpm.payloadhash, rpm.size, rpm.buildtime),
    )
    return int(cursor.lastrowid or 0)


def rpms_of(connection: Connection, build_id: int) -> list[Row]:
    """Read the rows of a build's RPMs in the order they came."""
    return connection.execute("SELECT * FROM rpms WHERE build_id = ? ORDER BY id", (build_id,)).fetchall()


def btype_id(connection: Connection, name: str | None) -> int | None:
    """Give the id of a type of builds, None for None, or raise GenericError for one that the hub does not know."""
    if name is None:
        return None
    found = lookup.find(connection, "btypes", name)
    if found is None:
        raise koji.GenericError(f"unsupported build type: {name}")
    return int(found["id"])


def set_types(connection: Connection, build_id: int, btypes: tuple[str, ...]) -> None:
    """Say what a build is made of: `rpm`, `module`."""
    for btype in btypes:
        btype_id = lookup.must_find(connection, "btypes", btype)["id"]
        connection.execute("INSERT OR IGNORE INTO build_types VALUES (?, ?)", (build_id, btype_id))


def _insert(connection: Connection, package_id: int, new: NewBuild) -> int:
    row = {**_values(new), "package_id": package_id, "version": new.version, "release": new.release}
    row["create_event"] = events.current(connection)
    columns, places = ", ".join(row), ", ".join(f":{column}" for column in row)
    cursor = connection.execute(f"INSERT INTO builds ({columns}) VALUES ({places})", row)
    build_id = int(cursor.lastrowid or 0)
    set_types(connection, build_id, new.btypes)
    return build_id


def _recycle(connection: Connection, build_id: int, new: NewBuild) -> None:
    row = {**_values(new), "create_event": events.current(connection), "token": None}
    places = ", ".join(f"{column} = :{column}" for column in row)
    connection.execute(f"UPDATE builds SET {places} WHERE id = :id", {**row, "id": build_id})
    connection.execute("DELETE FROM build_types WHERE build_id = ?", (build_id,))
    set_types(connection, build_id, new.btypes)


def _values(new: NewBuild) -> dict[str, Any]:
    return {
        "epoch": new.epoch,
        "source": new.source,
        "state": new.state,
        "task_id": new.task_id,
        "owner": new.owner,
        "cg_id": new.cg_id,
        "extra": None if new.extra is None else json.dumps(new.extra),
        "start_time": new.start_time or time.time(),
        "completion_time": new.completion_time,
    }


def _must_be_recyclable(connection: Connection, old: Row, package_id: int, new: NewBuild) -> None:
    state = koji.BUILD_STATES[old["state"]]
    if state == "BUILDING":
        raise koji.GenericError(f"Build already in progress (task {old['task_id']})")
    if state not in ("FAILED", "CANCELED"):
        raise koji.GenericError(
            f"Build already exists (id={old['id']}, state={state}): {_as_koji_shows(package_id, new)!r}"
        )
    for table, evidence in (("tag_listing", "tag history"), ("rpms", "rpm data"), ("archives", "archive data")):
        query = f"SELECT 1 FROM {table} WHERE build_id = ?"
        if connection.execute(query, (old["id"],)).fetchone():
            raise koji.GenericError(f"Build already exists. Unable to recycle, has {evidence}")


def _as_koji_shows(package_id: int, new: NewBuild) -> dict[str, Any]:
    """Give the dict that Koji prints into its "Build already exists" message."""
    return {
        "name": new.name,
        "version": new.version,
        "release": new.release,
        "epoch": new.epoch,
        "task_id": new.task_id,
        "source": new.source,
        "extra": None if new.extra is None else json.dumps(new.extra),
        "owner": new.owner,
        "state": new.state,
        "completion_time": None,
        "pkg_id": package_id,
        "start_time": "NOW",
        "volume_id": 0,
        "draft": False,
    }


def _end(connection: Connection, build_id: int, state: int) -> bool:
    cursor = connection.execute(
        "UPDATE builds SET state = ?, completion_time = ? WHERE id = ? AND state = ?",
        (state, time.time(), build_id, BUILDING),
    )
    return cursor.rowcount == 1


def _parts(ref: str | dict[str, Any]) -> tuple[str, str, str]:
    parsed = koji.parse_NVR(ref) if isinstance(ref, str) else ref
    if not {"name", "version", "release"} <= parsed.keys():
        raise koji.GenericError("did not provide name, version, and release")
    return str(parsed["name"]), str(parsed["version"]), str(parsed["release"])
