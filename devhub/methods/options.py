"""The `queryOpts` of Koji's list calls, applied to what was found."""

from __future__ import annotations

from typing import Any

import koji

from devhub.values import Value

Rows = list[dict[str, Any]]


def shape(rows: Rows, options: dict[str, Value] | None) -> Rows | int:
    """Order (`"-id,name"`), cut (`offset`, `limit`) or count (`countOnly`) rows; GenericError for an unknown key."""
    if not options:
        return rows
    for key in reversed([key for key in str(options.get("order") or "").split(",") if key]):
        rows = _ordered(rows, key.removeprefix("-"), descending=key.startswith("-"))
    offset = int(options.get("offset") or 0)
    limit = options.get("limit")
    rows = rows[offset:] if limit is None else rows[offset : offset + int(limit)]
    return len(rows) if options.get("countOnly") else rows


def _ordered(rows: Rows, key: str, *, descending: bool) -> Rows:
    if rows and key not in rows[0]:
        raise koji.GenericError(f"Invalid order: {key}")
    return sorted(rows, key=lambda row: (row[key] is not None, row[key]), reverse=descending)
