"""The packages a tag lists, with its inheritance: only builds of listed, unblocked packages are visible in it."""

from __future__ import annotations

import re
from typing import Any

from devhub import events, lookup, tags
from devhub.database import Connection

COLUMNS = (
    "tag_id, tags.name AS tag_name, package_id, packages.name AS package_name, owner AS owner_id,"
    " users.name AS owner_name, blocked, extra_arches"
)
JOINS = (
    "tag_packages JOIN tags ON tags.id = tag_id JOIN packages ON packages.id = package_id"
    " JOIN users ON users.id = owner"
)


def listed(
    connection: Connection,
    tag_id: int,
    event: int | None = None,
    *,
    inherit: bool = True,
    package_id: int | None = None,
) -> dict[int, dict[str, Any]]:
    """Give listPackages' structs by package id; the nearest tag's word on a package counts, blocked ones included.

    A link's package filter keeps inherited packages out that it does not match.
    """
    found = {row["package_id"]: row for row in _own(connection, tag_id, event, package_id)}
    for link in tags.inheritance(connection, tag_id, event) if inherit else []:
        patterns = [re.compile(pattern) for pattern in link.filter]
        for row in _own(connection, link.parent_id, event, package_id):
            if all(pattern.match(row["package_name"]) for pattern in patterns):
                found.setdefault(row["package_id"], row)
    return found


def everywhere(
    connection: Connection, event: int | None = None, *, package_id: int | None = None
) -> list[dict[str, Any]]:
    """Give the entries of all tags, of one package if given: of each package the last that Koji would meet."""
    one = "" if package_id is None else f" AND package_id = {int(package_id)}"
    query = f"SELECT {COLUMNS} FROM {JOINS} WHERE {events.during(event)}{one} ORDER BY packages.name, tag_id"
    rows = [{**row, "blocked": bool(row["blocked"])} for row in map(dict, connection.execute(query))]
    return list({row["package_id"]: row for row in rows}.values())


def config(connection: Connection, tag_id: int, package_id: int, event: int | None = None) -> dict[str, Any] | None:
    """Give a package's entry in a tag, inherited or its own, or None (Koji: getPackageConfig)."""
    return listed(connection, tag_id, event, package_id=package_id).get(package_id)


def is_listed(connection: Connection, tag_id: int, package_id: int) -> bool:
    """Whether a package may be tagged: listed and not blocked."""
    entry = config(connection, tag_id, package_id)
    return entry is not None and not entry["blocked"]


def add(
    connection: Connection,
    tag_id: int,
    package: lookup.NameOrId,
    owner: int,
    *,
    blocked: bool = False,
    extra_arches: str | None = None,
) -> None:
    """List a package in a tag; no event if the tag, or what it inherits, says the same already.

    A new owner alone is no change of the tag: Koji keeps owners elsewhere, and repositories stay as new as they were.
    """
    package_id = lookup.find_or_create(connection, "packages", package)
    old = config(connection, tag_id, package_id)
    if old is not None and (old["blocked"], old["extra_arches"]) == (blocked, extra_arches):
        if old["owner_id"] != owner:
            _give(connection, tag_id, package_id, owner)
        return
    events.revoke(connection, "tag_packages", tag_id=tag_id, package_id=package_id)
    row = {"tag_id": tag_id, "package_id": package_id, "owner": owner, "blocked": blocked}
    events.insert(connection, "tag_packages", **row, extra_arches=extra_arches)


def remove(connection: Connection, tag_id: int, package_id: int) -> bool:
    """End a tag's own entry of a package; False when it has none."""
    return events.revoke(connection, "tag_packages", tag_id=tag_id, package_id=package_id) > 0


def _give(connection: Connection, tag_id: int, package_id: int, owner: int) -> None:
    """Change the owner of a tag's own entry; an inherited one stays as it is, as a hub has it."""
    query = "UPDATE tag_packages SET owner = ? WHERE tag_id = ? AND package_id = ? AND revoke_event IS NULL"
    connection.execute(query, (owner, tag_id, package_id))


def _own(connection: Connection, tag_id: int, event: int | None, package_id: int | None) -> list[dict[str, Any]]:
    one = "" if package_id is None else f" AND package_id = {int(package_id)}"
    query = f"SELECT {COLUMNS} FROM {JOINS} WHERE tag_id = ? AND {events.during(event)}{one} ORDER BY packages.name"
    return [{**row, "blocked": bool(row["blocked"])} for row in map(dict, connection.execute(query, (tag_id,)))]
