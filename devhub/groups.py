"""Package groups of a tag (`build`, `srpm-build`): what a buildroot starts with."""

from __future__ import annotations

from typing import Any

import koji

from devhub import events, lookup, tags
from devhub.database import Connection
from devhub.lookup import NameOrId
from devhub.values import Value

CONFIG = ("blocked", "exported", "display_name", "is_default", "uservisible", "description", "langonly", "biarchonly")
PACKAGE = ("blocked", "type", "basearchonly", "requires")
_FLAGS = frozenset(("blocked", "exported", "is_default", "uservisible", "biarchonly", "basearchonly"))


def read(
    connection: Connection, tag_id: int, event: int | None = None, inherit: bool = True
) -> dict[int, dict[str, Any]]:
    """Give a tag's groups by id, each with `packagelist` as a dict by package; blocked entries are included.

    The nearest tag's word on a group, and on a package in it, counts.
    """
    groups: dict[int, dict[str, Any]] = {}
    chain = tags.members(connection, tag_id, event) if inherit else [tag_id]
    for member in chain:
        for row in _configs(connection, member, event):
            groups.setdefault(row["group_id"], {**row, "grouplist": [], "packagelist": {}})
    for member in chain:
        for row in _packages(connection, member, event):
            if row["group_id"] in groups and not groups[row["group_id"]]["blocked"]:
                groups[row["group_id"]]["packagelist"].setdefault(row["package"], row)
    return groups


def packages(connection: Connection, tag_id: int, group: str, event: int | None = None) -> list[str] | None:
    """Give the names of the packages in a tag's group, inherited ones included; None where there is no such group."""
    for found in read(connection, tag_id, event).values():
        if found["name"] == group and not found["blocked"]:
            return sorted(name for name, package in found["packagelist"].items() if not package["blocked"])
    return None


def add(
    connection: Connection, tag_id: int, group: NameOrId, options: dict[str, Value], *, force: bool = False
) -> None:
    """Put a group into a tag; no event if the tag, or what it inherits, has it with the same data.

    A blocked one is put there by force only, otherwise GenericError.
    """
    group_id = lookup.find_or_create(connection, "groups", group)
    name = lookup.must_find(connection, "groups", group_id)["name"]
    previous = read(connection, tag_id).get(group_id)
    if previous and previous["blocked"] and not force:
        tag = lookup.must_find(connection, "tags", tag_id)
        raise koji.GenericError(f"group {name} is blocked in tag {tag['name']}")
    defaults = previous or {"display_name": name, "biarchonly": False, "exported": True, "uservisible": True}
    row = {key: options.get(key, defaults.get(key)) for key in CONFIG}
    row["blocked"] = bool(options.get("blocked", False))
    if previous is not None and all(previous[key] == value for key, value in row.items()):
        return
    events.revoke(connection, "group_config", tag_id=tag_id, group_id=group_id)
    events.insert(connection, "group_config", tag_id=tag_id, group_id=group_id, **row)


def add_package(
    connection: Connection,
    tag_id: int,
    group: NameOrId,
    package: str,
    options: dict[str, Value],
    *,
    force: bool = False,
) -> None:
    """Put a package into a group of a tag; no event if it is there, or inherited, with the same data.

    A blocked one is put there by force only, otherwise GenericError.
    """
    found = lookup.must_find(connection, "groups", group)
    config = read(connection, tag_id).get(found["id"])
    if config is None or config["blocked"]:
        tag = lookup.must_find(connection, "tags", tag_id)
        problem = "not present" if config is None else "is blocked"
        raise koji.GenericError(f"group {found['name']} {problem} in tag {tag['name']}")
    previous = config["packagelist"].get(package)
    if previous and previous["blocked"] and not force:
        tag = lookup.must_find(connection, "tags", tag_id)
        raise koji.GenericError(f"package {package} blocked in group {found['name']}, tag {tag['name']}")
    defaults = previous or {"type": "mandatory"}
    row = {key: options.get(key, defaults.get(key)) for key in PACKAGE}
    row["blocked"] = bool(options.get("blocked", False))
    if previous is not None and not force and all(previous[key] == value for key, value in row.items()):
        return
    events.revoke(connection, "group_packages", tag_id=tag_id, group_id=found["id"], package=package)
    events.insert(connection, "group_packages", tag_id=tag_id, group_id=found["id"], package=package, **row)


def _configs(connection: Connection, tag_id: int, event: int | None) -> list[dict[str, Any]]:
    rows = connection.execute(
        f"SELECT group_id, name, tag_id, {', '.join(CONFIG)} FROM group_config JOIN groups ON groups.id = group_id"
        f" WHERE tag_id = ? AND {events.during(event)} ORDER BY name",
        (tag_id,),
    )
    return [_with_booleans(dict(row)) for row in rows]


def _packages(connection: Connection, tag_id: int, event: int | None) -> list[dict[str, Any]]:
    rows = connection.execute(
        f"SELECT group_id, tag_id, package, {', '.join(PACKAGE)} FROM group_packages"
        f" WHERE tag_id = ? AND {events.during(event)} ORDER BY package",
        (tag_id,),
    )
    return [_with_booleans(dict(row)) for row in rows]


def _with_booleans(row: dict[str, Any]) -> dict[str, Any]:
    return {key: bool(value) if key in _FLAGS and value is not None else value for key, value in row.items()}
