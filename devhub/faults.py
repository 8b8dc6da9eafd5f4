"""Faults that can be switched on and off while the hub runs, kept in the database so that all parts see them.

    put(connection, "drop_percent", 10)          get(connection, "drop_percent")          put(connection, name, None)

The wire's own are `drop_percent` (of calls cut before they are done), `drop_reply_percent` (of calls done whose answer
is lost), `bad_gateway` (a time, 502 till then) and `delay` (seconds before every call). The builders' are a list under
`build_faults` (see `devhub.daemon.injected`).
"""

from __future__ import annotations

import json

from devhub.database import Connection
from devhub.values import Value

OF_THE_WIRE = ("drop_percent", "drop_reply_percent", "bad_gateway", "delay")
OF_BUILDS = "build_faults"


def put(connection: Connection, name: str, value: Value) -> None:
    """Set a fault, or end it with None. Needs a transaction."""
    if value is None:
        connection.execute("DELETE FROM faults WHERE name = ?", (name,))
    else:
        connection.execute("INSERT OR REPLACE INTO faults VALUES (?, ?)", (name, json.dumps(value)))


def get(connection: Connection, name: str, default: Value = None) -> Value:
    """Read a fault, or the default where it is not set."""
    row = connection.execute("SELECT value FROM faults WHERE name = ?", (name,)).fetchone()
    return json.loads(row["value"]) if row else default


def read_all(connection: Connection) -> dict[str, Value]:
    """Read every fault that is set."""
    return {row["name"]: json.loads(row["value"]) for row in connection.execute("SELECT name, value FROM faults")}
