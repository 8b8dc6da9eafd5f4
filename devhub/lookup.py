"""Finding things by id or by name, as nearly every call of Koji lets its caller do."""

from __future__ import annotations

from typing import Any

import koji

from devhub.database import Connection

NameOrId = str | int | dict[str, Any]
"""A name, an id, or a struct that has one of them."""

_TABLES = frozenset(
    (
        *("tags", "users", "packages", "groups", "permissions", "build_targets", "channels", "hosts", "btypes"),
        *("external_repos", "content_generators"),
    )
)
_KOJI_NAMES = {"tags": "tag", "packages": "package", "build_targets": "build_target", "external_repos": "external_repo"}


def find(connection: Connection, table: str, ref: NameOrId) -> dict[str, Any] | None:
    """Give `{id, name}` of what an id, a name or a struct with either names, or None.

    Anything else raises ParameterError. `table` must be one of the tables that have ids and names.
    """
    if table not in _TABLES:
        raise ValueError(f"{table} has no names")
    column, value = _key(table, ref)
    row = connection.execute(f"SELECT id, name FROM {table} WHERE {column} = ?", (value,)).fetchone()
    return dict(row) if row else None


def must_find(connection: Connection, table: str, ref: NameOrId) -> dict[str, Any]:
    """Like `find`, but raise GenericError "No such entry in table ..." as Koji's lookup_name does."""
    found = find(connection, table, ref)
    if found is None:
        raise koji.GenericError(f"No such entry in table {_KOJI_NAMES.get(table, table)}: {ref}")
    return found


def find_or_create(connection: Connection, table: str, name: NameOrId) -> int:
    """Give the id of a name, entering it when it is new; an unknown id raises as `must_find` does."""
    found = find(connection, table, name)
    if found is not None:
        return int(found["id"])
    if not isinstance(name, str):
        return int(must_find(connection, table, name)["id"])
    cursor = connection.execute(f"INSERT INTO {table} (name) VALUES (?)", (check_name(name),))
    return int(cursor.lastrowid or 0)


def user(connection: Connection, ref: NameOrId) -> dict[str, Any]:
    """Give `{id, name}` of a user or raise "No such user"."""
    found = find(connection, "users", ref)
    if found is None:
        raise koji.GenericError(f"No such user: {ref!r}")
    return found


def check_name(name: str) -> str:
    """Give a name back if Koji's RegexNameInternal and MaxNameLengthInternal allow it, or raise GenericError."""
    if len(name) > MAX_NAME_LENGTH:
        raise koji.GenericError(f"Name {name} is too long. Max length is {MAX_NAME_LENGTH} characters")
    if not name or not all(char.isascii() and (char.isalnum() or char in NAME_EXTRAS) for char in name):
        raise koji.GenericError(f"Name {name} does not match RegexNameInternal value")
    return name


MAX_NAME_LENGTH = 256
NAME_EXTRAS = "/_.+-"


def _key(table: str, ref: NameOrId) -> tuple[str, str | int]:
    if isinstance(ref, dict):
        if "id" in ref:
            return "id", int(ref["id"])
        if "name" in ref:
            return "name", str(ref["name"])
    elif isinstance(ref, int) and not isinstance(ref, bool):
        return "id", ref
    elif isinstance(ref, str):
        return "name", ref
    raise koji.ParameterError(f"Invalid type for id lookup in table {_KOJI_NAMES.get(table, table)}: {type(ref)}")
