"""Which builds are tagged where: tagging, untagging, and what a tag shows.

    tag_build(connection, tag, build_id, user_id)
    builds = tagged_builds(connection, tag_id, Query(inherit=True, latest=1))       # the last tagged of each package
    rpms, builds = tagged_rpms(connection, tag_id, Query(inherit=True, latest=1))   # what a repository contains

"Latest" is the last tagged, not the highest version.
"""

from __future__ import annotations

from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

import koji

from devhub import builds, events, packages, tags
from devhub.database import Connection


@dataclass(frozen=True, slots=True)
class Query:
    """What to list of a tag: `latest` builds per package (0: all), names or None for anything."""

    event: int | None = None
    inherit: bool = False
    latest: int = 0
    package: str | None = None
    owner: str | None = None
    type: str | None = None


def tag_build(connection: Connection, tag: dict[str, Any], build_id: int, user_id: int, force: bool = False) -> None:
    """Tag a complete build; raise TagError if it is not complete, or tagged there already (unless forced)."""
    build = builds.must_find(connection, build_id)
    if build["state"] != builds.COMPLETE:
        raise koji.TagError(f"build {build['nvr']} not complete: state {koji.BUILD_STATES[build['state']]}")
    if is_tagged(connection, tag["id"], build_id):
        if not force:
            raise koji.TagError(f"build {build['nvr']} already tagged ({tag['name']})")
        untag_build(connection, tag, build_id, user_id)
    row = {"tag_id": tag["id"], "build_id": build_id, "package_id": build["package_id"]}
    events.insert(connection, "tag_listing", **row, creator_id=user_id)


def untag_build(connection: Connection, tag: dict[str, Any], build_id: int, user_id: int, strict: bool = True) -> None:
    """Untag a build; raise TagError when it is not tagged there, unless not strict."""
    cursor = connection.execute(
        "UPDATE tag_listing SET revoke_event = ?, revoker_id = ?"
        " WHERE tag_id = ? AND build_id = ? AND revoke_event IS NULL",
        (events.current(connection), user_id, tag["id"], build_id),
    )
    if not cursor.rowcount and strict:
        raise koji.TagError(f"build {builds.must_find(connection, build_id)['nvr']} not in tag {tag['name']}")


def is_tagged(connection: Connection, tag_id: int, build_id: int) -> bool:
    """Whether a build is in a tag now, by its own listing."""
    query = "SELECT 1 FROM tag_listing WHERE tag_id = ? AND build_id = ? AND revoke_event IS NULL"
    return connection.execute(query, (tag_id, build_id)).fetchone() is not None


def tagged_builds(connection: Connection, tag_id: int, query: Query) -> list[dict[str, Any]]:
    """Give listTagged's structs, the last tagged first, the tag's own before inherited ones.

    Builds of packages that the tag does not list, or blocks, are not shown (Koji: readTaggedBuilds).
    """
    visible = packages.listed(connection, tag_id, query.event)
    counts: dict[int, int] = {}
    found = []
    for member in tags.members(connection, tag_id, query.event) if query.inherit else [tag_id]:
        for row in _rows(connection, member, query):
            entry, count = visible.get(row["package_id"]), counts.get(row["package_id"], 0)
            if entry is None or entry["blocked"] or (query.latest and count >= query.latest):
                continue
            counts[row["package_id"]] = count + 1
            found.append(_info(row))
    return found


def tagged_rpms(
    connection: Connection, tag_id: int, query: Query, arches: list[str] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give listTaggedRPMS's pair: the RPMs (of some arches) of the tagged builds, and these builds."""
    found = tagged_builds(connection, tag_id, query)
    rpms = [rpm for build in found for rpm in builds.rpms_of(connection, build["build_id"])]
    wanted = set(arches) if arches is not None else None
    return [rpm_info(rpm) for rpm in rpms if wanted is None or rpm["arch"] in wanted], found


def rpm_info(row: Row) -> dict[str, Any]:
    """Shape a row of `rpms` as listTaggedRPMS answers it."""
    keys = ("id", "name", "version", "release", "epoch", "arch", "build_id", "buildroot_id", "payloadhash", "size")
    answer = {key: row[key] for key in keys}
    return {**answer, "buildtime": row["buildtime"], "draft": False, "extra": None, "metadata_only": False}


def must_allow(tag: dict[str, Any], user_perms: list[str], force: bool = False) -> None:
    """Raise ActionNotAllowed when a tag is locked or needs a permission the user lacks; an admin may force it."""
    found = problem(tag, user_perms)
    if found and not (force and "admin" in user_perms):
        raise koji.ActionNotAllowed(found)


def problem(tag: dict[str, Any], user_perms: list[str]) -> str | None:
    """Say what keeps a user with these permissions from tagging into a tag, None for nothing."""
    if tag["locked"]:
        return "tag is locked"
    if tag["perm"] and tag["perm"] not in user_perms:
        return f"tag requires {tag['perm']} permission"
    return None


def untagged(connection: Connection, package: str | None = None) -> list[dict[str, Any]]:
    """Give untaggedBuilds' structs: complete builds that no tag has."""
    rows = connection.execute(
        "SELECT builds.id, name, version, release FROM builds JOIN packages ON packages.id = package_id"
        " WHERE state = ? AND (?2 IS NULL OR name = ?2) AND NOT EXISTS"
        " (SELECT 1 FROM tag_listing WHERE build_id = builds.id AND revoke_event IS NULL) ORDER BY builds.id",
        (builds.COMPLETE, package),
    )
    return [{**dict(row), "draft": False} for row in rows]


def history(connection: Connection, **wanted: int | None) -> list[dict[str, Any]]:
    """Give queryHistory's rows of tag_listing for a build, a package, a tag, a user, in force or not; current first."""
    rows = connection.execute(
        'SELECT tag_listing.build_id, tag_listing.tag_id, tags.name AS "tag.name", packages.name, version, release,'
        " epoch,"
        ' builds.state AS "build.state", tag_listing.create_event, begun.time AS create_ts, creator_id,'
        " creator.name AS creator_name, revoke_event, ended.time AS revoke_ts, revoker_id, revoker.name AS revoker_name"
        " FROM tag_listing JOIN tags ON tags.id = tag_id JOIN builds ON builds.id = build_id"
        " JOIN packages ON packages.id = builds.package_id JOIN events AS begun ON begun.id = tag_listing.create_event"
        " LEFT JOIN events AS ended ON ended.id = revoke_event LEFT JOIN users AS creator ON creator.id = creator_id"
        " LEFT JOIN users AS revoker ON revoker.id = revoker_id WHERE (:build_id IS NULL OR build_id = :build_id)"
        " AND (:package_id IS NULL OR builds.package_id = :package_id) AND (:tag_id IS NULL OR tag_id = :tag_id)"
        " AND (:user_id IS NULL OR creator_id = :user_id OR revoker_id = :user_id)"
        " AND (:active IS NULL OR :active = (revoke_event IS NULL))"
        " ORDER BY revoke_event IS NOT NULL, tag_listing.create_event",
        wanted,
    )
    return [{**dict(row), "active": True if row["revoke_event"] is None else None} for row in rows]


def _rows(connection: Connection, tag_id: int, query: Query) -> list[Row]:
    btype = builds.btype_id(connection, query.type)
    statement = (
        "SELECT builds.*, packages.name AS package_name, users.name AS owner_name, events.time AS create_time,"
        " tags.name AS tag_name, tag_listing.tag_id, tag_listing.create_event AS tag_event FROM tag_listing"
        " JOIN tags ON tags.id = tag_id JOIN builds ON builds.id = build_id"
        " JOIN packages ON packages.id = builds.package_id JOIN users ON users.id = builds.owner"
        " JOIN events ON events.id = builds.create_event"
        " WHERE tag_listing.tag_id = :tag AND builds.state = :state AND (:package IS NULL OR packages.name = :package)"
        " AND (:owner IS NULL OR users.name = :owner)"
        " AND (:btype IS NULL OR EXISTS (SELECT 1 FROM build_types WHERE build_id = builds.id AND btype_id = :btype))"
        f" AND {events.during(query.event, 'tag_listing')} ORDER BY tag_listing.create_event DESC, builds.id DESC"
    )
    values = {"tag": tag_id, "state": builds.COMPLETE, "package": query.package, "owner": query.owner}
    return connection.execute(statement, {**values, "btype": btype}).fetchall()


def _info(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "build_id": row["id"],
        **builds.names(row),
        "state": row["state"],
        "task_id": row["task_id"],
        "tag_id": row["tag_id"],
        "tag_name": row["tag_name"],
        "create_event": row["tag_event"],
        "creation_event_id": row["create_event"],
        "creation_time": events.stamp(row["create_time"]),
        "start_time": events.stamp(row["start_time"]),
        "completion_time": events.stamp(row["completion_time"]),
        **builds.NOT_USED,
    }
