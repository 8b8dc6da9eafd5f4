"""Events, the hub's clock: every change of a tag happens at one, and every query may look back to one.

Versioned tables hold `create_event` and `revoke_event`; `during` gives the SQL condition for the rows of a moment.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import koji

from devhub.database import Connection


def current(connection: Connection) -> int:
    """Give the event of the running transaction, making it at the first call."""
    if connection.event is None:
        cursor = connection.execute("INSERT INTO events (time) VALUES (?)", (time.time(),))
        connection.event = cursor.lastrowid
    return int(connection.event or 0)


def during(event: int | None, table: str = "") -> str:
    """Give the SQL condition for rows valid at an event, or now; only an int is embedded in it."""
    prefix = f"{table}." if table else ""
    if event is None:
        return f"{prefix}revoke_event IS NULL"
    moment = int(event)
    revoke = f"{prefix}revoke_event"
    return f"{prefix}create_event <= {moment} AND ({revoke} IS NULL OR {revoke} > {moment})"


def get(connection: Connection, event_id: int) -> dict[str, Any] | None:
    """Give `{id, ts}` of an event, or None."""
    row = connection.execute("SELECT id, time AS ts FROM events WHERE id = ?", (event_id,)).fetchone()
    return dict(row) if row else None


def last(connection: Connection, before: float | None = None) -> dict[str, Any] | None:
    """Give `{id, ts}` of the latest event, or of the latest one earlier than a time."""
    limit = time.time() + 1 if before is None else before
    query = "SELECT id, time AS ts FROM events WHERE time < ? ORDER BY id DESC LIMIT 1"
    row = connection.execute(query, (limit,)).fetchone()
    return dict(row) if row else None


def revoke(connection: Connection, table: str, **key: Any) -> int:
    """End the current rows that match the key at this transaction's event; give their number.

    `table` and the names of the key come from this program, never from a caller.
    """
    where = " AND ".join(f"{column} = :{column}" for column in key)
    statement = f"UPDATE {table} SET revoke_event = :_now WHERE {where} AND revoke_event IS NULL"
    return connection.execute(statement, {**key, "_now": current(connection)}).rowcount


def insert(connection: Connection, table: str, **values: Any) -> None:
    """Insert a row that is valid from this transaction's event on; the same caution as for `revoke`."""
    row = {**values, "create_event": current(connection)}
    columns, places = ", ".join(row), ", ".join(f":{column}" for column in row)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", row)


def stamp(seconds: float | None) -> str | None:
    """Give a time as Koji writes it: `2026-11-22 14:57:26.343386+00:00`."""
    return None if seconds is None else str(datetime.fromtimestamp(seconds, UTC))


def must_be_event(connection: Connection, event_id: int) -> int:
    """Give the event's id back when it has happened, otherwise raise Koji's ParameterError."""
    if get(connection, event_id) is None:
        raise koji.ParameterError(f"Invalid event: {event_id}")
    return event_id


def next_one(connection: Connection) -> None:
    """Let what follows in this transaction happen at a later event than what has been done in it."""
    connection.event = None
