"""Build targets: the tag a build's packages come from, and the tag it goes to."""

from __future__ import annotations

from typing import Any

import koji

from devhub import events, lookup, tags
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("createBuildTarget", writes=True)
def create_build_target(call: Call, name: str, build_tag: NameOrId, dest_tag: NameOrId) -> None:
    """Create a build target."""
    call.require("target")
    connection = call.connection
    lookup.check_name(name)
    if find_target(call, name):
        raise koji.GenericError(f"A build target with the name '{name}' already exists")
    values = _tags(call, build_tag, dest_tag)
    target_id = lookup.find_or_create(connection, "build_targets", name)
    events.insert(connection, "build_target_config", target_id=target_id, **values)


@method("editBuildTarget", writes=True)
def edit_build_target(
    call: Call, buildTargetInfo: NameOrId, name: str, build_tag: NameOrId, dest_tag: NameOrId
) -> None:
    """Change a build target, its name too."""
    call.require("target")
    connection = call.connection
    lookup.check_name(name)
    target = lookup.find(connection, "build_targets", buildTargetInfo)
    if target is None:
        raise koji.GenericError(f"No such build target: {buildTargetInfo}")
    values = _tags(call, build_tag, dest_tag)
    if target["name"] != name:
        _rename(call, target["id"], name)
    current = find_target(call, target["id"])
    if current is None or any(current[key] != value for key, value in values.items()):
        events.revoke(connection, "build_target_config", target_id=target["id"])
        events.insert(connection, "build_target_config", target_id=target["id"], **values)


@method("deleteBuildTarget", writes=True)
def delete_build_target(call: Call, buildTargetInfo: NameOrId) -> None:
    """Delete a build target."""
    call.require("target")
    target = lookup.find(call.connection, "build_targets", buildTargetInfo)
    if target is None:
        raise koji.GenericError(f"No such build target: {buildTargetInfo}")
    events.revoke(call.connection, "build_target_config", target_id=target["id"])


@method("getBuildTarget")
def get_build_target(
    call: Call, info: NameOrId, event: int | None = None, strict: bool = False
) -> dict[str, Any] | None:
    """Give a build target, or nil."""
    found = find_target(call, info, event)
    if found is None and strict:
        raise koji.GenericError(f"No such build target: {info}")
    return found


@method("getBuildTargets")
def get_build_targets(
    call: Call,
    info: NameOrId | None = None,
    event: int | None = None,
    buildTagID: NameOrId | None = None,
    destTagID: NameOrId | None = None,
    queryOpts: dict[str, Value] | None = None,
) -> Value:
    """List build targets, all or those of a tag; none of a target or a tag that is not there."""
    connection = call.connection
    wanted = (("build_targets", info or None), ("tags", buildTagID), ("tags", destTagID))
    found = [None if ref is None else lookup.find(connection, table, ref) for table, ref in wanted]
    if any(ref is not None and row is None for (_, ref), row in zip(wanted, found, strict=True)):
        return options.shape([], queryOpts)
    rows = connection.execute(
        "SELECT target_id AS id, build_targets.name, build_tag, dest_tag, source.name AS build_tag_name,"
        " dest.name AS dest_tag_name FROM build_target_config JOIN build_targets ON build_targets.id = target_id"
        " JOIN tags AS source ON source.id = build_tag JOIN tags AS dest ON dest.id = dest_tag"
        " WHERE (?1 IS NULL OR target_id = ?1) AND (?2 IS NULL OR build_tag = ?2) AND (?3 IS NULL OR dest_tag = ?3)"
        f" AND {events.during(event)} ORDER BY target_id",
        [row and row["id"] for row in found],
    )
    return options.shape([dict(row) for row in rows], queryOpts)


def find_target(call: Call, info: NameOrId, event: int | None = None) -> dict[str, Any] | None:
    """Give a build target, or None."""
    found = get_build_targets(call, info, event)
    return found[0] if len(found) == 1 else None


def _tags(call: Call, build_tag: NameOrId, dest_tag: NameOrId) -> dict[str, int]:
    values = {}
    for key, kind, ref in (("build_tag", "build", build_tag), ("dest_tag", "destination", dest_tag)):
        tag = tags.find(call.connection, ref)
        if tag is None:
            raise koji.GenericError(f"{kind} tag '{ref}' does not exist")
        values[key] = tag["id"]
    return values


def _rename(call: Call, target_id: int, name: str) -> None:
    taken = lookup.find(call.connection, "build_targets", name)
    if taken:
        raise koji.GenericError(f'name "{name}" is already taken by build target {taken["id"]}')
    call.connection.execute("UPDATE build_targets SET name = ? WHERE id = ?", (name, target_id))
