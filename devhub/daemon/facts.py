"""What a task needs to know of tags, targets and hosts, read at the moment when it needs it."""

import re
import time
from dataclasses import dataclass
from typing import Any

import koji

from devhub import builds, events, tags
from devhub.builder.arches import canonical
from devhub.database import Connection


class ChildFailed(Exception):
    """A child's own fault, passed on by its parent."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Host:
    """A builder: the arches whose tasks it takes."""

    id: int
    name: str
    arches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a build happens and where it goes."""

    name: str
    build_tag: int
    build_tag_name: str
    dest_tag: int
    dest_tag_name: str


def hosts(connection: Connection) -> list[Host]:
    """The enabled builders; tasks of the arch noarch may run on any of them."""
    rows = connection.execute("SELECT id, name, arches FROM hosts WHERE enabled ORDER BY id")
    return [Host(row["id"], row["name"], (*re.split(r"[\s,]+", row["arches"].strip()), "noarch")) for row in rows]


def report(connection: Connection) -> None:
    """Let the builders be heard of, with the load of what they run, as kojid does every few seconds."""
    load = "(SELECT coalesce(sum(weight), 0) FROM tasks WHERE host_id = hosts.id AND state = ?)"
    query = f"UPDATE hosts SET update_time = ?, ready = 1, task_load = {load} WHERE enabled"
    connection.execute(query, (time.time(), koji.TASK_STATES["OPEN"]))


def target(connection: Connection, name: str | int | None, event: int | None = None) -> Target | None:
    """A build target by name, as it is or was at an event, or None."""
    row = connection.execute(
        "SELECT build_targets.name, build_tag, dest_tag, built.name AS build_tag_name, dest.name AS dest_tag_name"
        " FROM build_targets JOIN build_target_config ON target_id = build_targets.id"
        " JOIN tags AS built ON built.id = build_tag JOIN tags AS dest ON dest.id = dest_tag"
        f" WHERE (build_targets.name = ?1 OR build_targets.id = ?1) AND {events.during(event, 'build_target_config')}",
        (name,),
    ).fetchone()
    return Target(**dict(row)) if row else None


def tagged_since(connection: Connection, tag_id: int, nvrs: list[str]) -> int | None:
    """The event since when all these builds are in the tag or what it inherits; None while one is missing.

    Raises `koji.GenericError` for a build that does not exist.
    """
    members = ",".join(str(int(member)) for member in tags.members(connection, tag_id))
    latest = 0
    for nvr in nvrs:
        build_id = builds.must_find(connection, nvr)["id"]
        row = connection.execute(
            "SELECT min(create_event) AS event FROM tag_listing"
            f" WHERE build_id = ? AND revoke_event IS NULL AND tag_id IN ({members})",
            (build_id,),
        ).fetchone()
        if row["event"] is None:
            return None
        latest = max(latest, row["event"])
    return latest


def fault_of(error: Exception, text: str) -> tuple[int, str]:
    """Code and message of the fault that a task ends with; what is not Koji's own is code 1 and a traceback, `text`."""
    if isinstance(error, ChildFailed):
        return error.code, str(error)
    if isinstance(error, koji.GenericError):
        return int(error.faultCode), str(error)
    return 1, text


def canonical_arches(connection: Connection, tag_id: int, event: int | None = None) -> list[str]:
    """The arches of a tag as tasks name them."""
    return canonical(tags.arches(connection, tag_id, event))


def options(request: list[Any], position: int) -> dict[str, Any]:
    """The options of a request; a client may leave them out or give None."""
    value = request[position] if len(request) > position else None
    return dict(value) if isinstance(value, dict) else {}
