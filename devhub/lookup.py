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
_KOJI_NAMES = {
    "tags": "tag",
    "packages": "package",
    "build_targets": "build_target",
    "external_repos": "external_repo",
    "hosts": "host",
    "btypes": "btype",
    "content_generators": "content_generator",
}


def find(connection: Connection, table: str, ref: NameOrId) -> dict[str, Any] | None:
    """Give `{id, name}` of what an id, a name or a struct with either names, or None.

    Anything else raises ParameterError. `table` must be one of the tables that have ids and names.
    """
    if table not in _TABLES:
        raise ValueError(f"{table} has no names")
    column, value = _key(ref)
    row = connection.execute(f"SELECT id, name FROM {table} WHERE {column} = ?", (value,)).fetchone()
    return dict(row) if row else None


def must_find(connection: Connection, table: str, ref: NameOrId) -> dict[str, Any]:
    """Like `find`, but raise GenericError "No such entry in table ..." as Koji's lookup_name does."""
    found = find(connection, table, ref)
    if found is None:
        raise koji.GenericError(f"No such entry in table {_KOJI_NAMES.get(table, table)}: {ref}")
    return found


def find_or_create(connection: Connection, table: str, name: NameOrId) -> int:
    """Give the id of a name, entering it when it is new; an unknown id raises as `must_find` does.

    Any name will do: whoever must not enter just any calls `check_name` before, as a hub does.
    """
    found = find(connection, table, name)
    if found is not None:
        return int(found["id"])
    if not isinstance(name, str):
        return int(must_find(connection, table, name)["id"])
    cursor = connection.execute(f"INSERT INTO {table} (name) VALUES (?)", (name,))
    return int(cursor.lastrowid or 0)


def user(connection: Connection, ref: NameOrId) -> dict[str, Any]:
    """Give `{id, name}` of a user or raise "No such user"."""
    found = find(connection, "users", ref)
    if found is None:
        raise koji.GenericError(f"No such user: {ref!r}")
    return found


def check_name(name: str) -> str:
    """Give a name back if Koji's RegexNameInternal and MaxNameLengthInternal allow it, or raise GenericError.

    A hub asks this of tags, targets, build types, permissions, and packages when they are built.
    """
    return _checked(name, "RegexNameInternal", "/_.+-")


def check_user_name(name: str) -> str:
    """Give a name back if Koji's RegexUserName and MaxNameLengthInternal allow it, or raise GenericError."""
    return _checked(name, "RegexUserName", "/_.@-")


MAX_NAME_LENGTH = 256


def _checked(name: str, rule: str, extras: str) -> str:
    if not isinstance(name, str):
        raise koji.GenericError("Name should be string")
    if len(name) > MAX_NAME_LENGTH:
        raise koji.GenericError(f"Name {name} is too long. Max length is {MAX_NAME_LENGTH} characters")
    if not name or not all(char.isascii() and (char.isalnum() or char in extras) for char in name):
        raise koji.GenericError(f"Name {name} does not match {rule} value")
    return name


def _key(ref: NameOrId) -> tuple[str, str | int]:
    by_id = isinstance(ref, dict) and "id" in ref
    value = ref.get("id", ref.get("name")) if isinstance(ref, dict) else ref
    if isinstance(value, int) and not isinstance(value, bool):
        return "id", value
    if isinstance(value, str) and (not by_id or value.isdecimal()):
        return ("id", int(value)) if by_id else ("name", value)
    raise koji.ParameterError(f"Invalid name or id value: {ref}")
