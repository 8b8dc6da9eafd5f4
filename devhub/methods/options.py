"""The `queryOpts` of Koji's list calls, applied to what was found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import koji
from koji import xmlrpcplus

from devhub.values import Value

Rows = list[dict[str, Any]]


def shape(rows: Rows, options: dict[str, Value] | None) -> Rows | int:
    """Order (`"-id,name"`), cut (`offset`, `limit`) or count (`countOnly`) rows; nil is the greatest, as in PostgreSQL.

    A key that no row has is Fault 1, and a limit of 0 is none, as in Koji.
    """
    if not options:
        return rows
    for key in reversed([key for key in str(options.get("order") or "").split(",") if key]):
        rows = _ordered(rows, key.removeprefix("-"), descending=key.startswith("-"))
    offset = int(options.get("offset") or 0)
    limit = int(options.get("limit") or 0)
    rows = rows[offset : offset + limit] if limit else rows[offset:]
    return len(rows) if options.get("countOnly") else rows


def _ordered(rows: Rows, key: str, *, descending: bool) -> Rows:
    if rows and key not in rows[0]:
        raise invalid_order(key)
    return sorted(rows, key=lambda row: (row[key] is None, row[key]), reverse=descending)


def integer(value: Value) -> int:
    """Give a number for what is one or can be read as one, or raise ParameterError as Koji's convert_value does."""
    if type(value) is int:
        return value
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        problem = "Invalid type" if value is None else f"Invalid type for value '{value}': {type(value)}"
        raise koji.ParameterError(f"{problem}, expected type <class 'int'>") from error


def seconds(moment: float | str | None) -> float | None:
    """Read a moment, in seconds or as ISO text (UTC unless it says otherwise); Fault 1 for a text that is none."""
    if not isinstance(moment, str):
        return moment
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise xmlrpcplus.Fault(1, f"invalid input syntax for type timestamp with time zone: {moment!r}") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def invalid_order(key: str) -> Exception:
    """Give the fault for an order by something that is not listed."""
    fault: Exception = xmlrpcplus.Fault(1, f"<class 'Exception'>: Invalid order: {key}")
    return fault


def like(glob: str) -> str:
    """Turn a glob (`*`, `?`) into a pattern for SQL's LIKE, whose escape character is the backslash here."""
    return escaped(glob).replace("?", "_").replace("*", "%")


def escaped(words: str) -> str:
    """Give words as SQL's LIKE finds them themselves."""
    return words.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
