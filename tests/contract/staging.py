"""Staging for the replay: puts into a devhub's database what a recorded answer speaks of, under the recorded ids.

The recording was made on a real hub with real builders. What they did between two calls is not in it, but its outcome
is: every answer names tasks, builds, repositories, RPMs. They are entered here just before the call is replayed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devhub import lookup
from devhub.database import Connection, Database

Record = dict[str, Any]


def upsert(connection: sqlite3.Connection, table: str, **row: object) -> None:
    """Insert a row or replace the given columns of the one with its id."""
    columns, places = ", ".join(row), ", ".join(f":{column}" for column in row)
    updates = ", ".join(f"{column} = excluded.{column}" for column in row if column != "id")
    connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {updates}",  # noqa: S608
        row,
    )


class Stage:
    """The database of the devhub under test, opened to put things where the real hub's builders had put them."""

    def __init__(self, database: Database, files: Path) -> None:
        self.database = database
        self.files = files
        database.reader().execute("PRAGMA foreign_keys = OFF")

    def next_id(self, table: str, wanted: int) -> None:
        """Let the next row of a table get a certain id."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, wanted - 1))

    def show(self, value: Any) -> None:
        """Enter everything that a recorded answer speaks of."""
        with self.database.transaction() as connection:
            for record in _records(value):
                self._enter(connection, record)

    def _enter(self, connection: Connection, record: Record) -> None:
        for prefix in ("create", "begin", "end", "creation"):
            event, ts = record.get(f"{prefix}_event", record.get(f"{prefix}_event_id")), record.get(f"{prefix}_ts")
            if isinstance(event, int) and ts is not None and event > 0:
                upsert(connection, "events", id=event, time=ts)
        if "awaited" in record:
            self.task(connection, record)
        elif "begin_event" in record:
            self._repo(connection, record)
        elif "tries" in record:
            self._request(connection, record)
        elif "creation_event_id" in record:
            self.build(connection, record)
        elif "payloadhash" in record:
            self._rpm(connection, record)
        elif "container_type" in record:
            self._buildroot(connection, record)
        elif "task_load" in record:
            self._host(connection, record)

    def task(self, connection: Connection, record: Record) -> None:
        keys = (
            "id",
            "state",
            "method",
            "owner",
            "host_id",
            "parent",
            "label",
            "arch",
            "channel_id",
            "priority",
            "weight",
        )
        row = {key: record[key] for key in keys}
        times = {f"{moment}_time": record[f"{moment}_ts"] for moment in ("create", "start", "completion")}
        request = record.get("request", [])
        if isinstance(request, str):
            request = []
        upsert(connection, "tasks", **row, **times, waiting=record["waiting"], request=json.dumps(request))

    def result(self, task_id: int, state: int, result: object) -> None:
        """Enter how a task ended, making a task where the recording has not shown it."""
        with self.database.transaction() as connection:
            if connection.execute("SELECT 1 FROM tasks WHERE id = ?", (task_id,)).fetchone() is None:
                row = {"method": "buildArch", "request": "[]", "owner": 2, "channel_id": 1, "priority": 19}
                upsert(connection, "tasks", id=task_id, state=state, create_time=1.0, **row)
            upsert_values = (state, json.dumps(result), task_id)
            connection.execute("UPDATE tasks SET state = ?, result = ? WHERE id = ?", upsert_values)

    def build(self, connection: Connection, record: Record) -> None:
        package_id = self._package(connection, record["package_id"], record["package_name"])
        times = {"start_time": _seconds(record, "start"), "completion_time": _seconds(record, "completion")}
        keys = ("version", "release", "epoch", "state", "task_id")
        optional: dict[str, Any] = {key: record[key] for key in ("source", "cg_id") if key in record}
        if "extra" in record:
            optional["extra"] = json.dumps(record["extra"])
        upsert(
            connection,
            "builds",
            id=record["build_id"],
            package_id=package_id,
            owner=record["owner_id"],
            create_event=record["creation_event_id"],
            **{key: record[key] for key in keys},
            **times,
            **optional,
        )
        if record.get("tag_id") and "create_event" in record:
            self._tagged(connection, {**record, "package_id": package_id})

    def ensure_tagged(self, tag: str, nvr: str, *, tagged: bool) -> None:
        """Have a build in a tag, or not."""
        with self.database.transaction() as connection:
            tag_row = lookup.must_find(connection, "tags", tag)
            build = connection.execute(
                "SELECT builds.id, package_id FROM builds JOIN packages ON packages.id = package_id"
                " WHERE name || '-' || version || '-' || release = ?",
                (nvr,),
            ).fetchone()
            connection.execute(
                "DELETE FROM tag_listing WHERE tag_id = ? AND build_id = ? AND revoke_event IS NULL",
                (tag_row["id"], build["id"]),
            )
            if tagged:
                row = {"tag_id": tag_row["id"], "build_id": build["id"], "package_id": build["package_id"]}
                connection.execute(
                    "INSERT INTO tag_listing (tag_id, build_id, package_id, creator_id, create_event)"
                    " VALUES (:tag_id, :build_id, :package_id, 2, (SELECT max(id) FROM events))",
                    row,
                )

    def output(self, task_id: int, names: list[str]) -> None:
        """Put files where a task puts its output."""
        top = self.files / "work" / "tasks" / str(task_id % 10000) / str(task_id)
        top.mkdir(parents=True, exist_ok=True)
        for name in names:
            (top / name).touch()

    def _tagged(self, connection: Connection, record: Record) -> None:
        values = (record["build_id"], record["tag_id"])
        query = "SELECT 1 FROM tag_listing WHERE build_id = ? AND tag_id = ? AND revoke_event IS NULL"
        if connection.execute(query, values).fetchone() is None:
            connection.execute(
                "INSERT INTO tag_listing (build_id, tag_id, package_id, creator_id, create_event)"
                " VALUES (?, ?, ?, 2, ?)",
                (*values, record["package_id"], record["create_event"]),
            )
        connection.execute("INSERT OR IGNORE INTO events VALUES (?, 1795359162.0)", (record["create_event"],))
        connection.execute("INSERT OR IGNORE INTO events VALUES (?, 1795359162.0)", (record["creation_event_id"],))

    def _package(self, connection: Connection, package_id: int, name: str) -> int:
        """Enter a package under its recorded id, unless the replay itself has entered it under another."""
        connection.execute("INSERT OR IGNORE INTO packages VALUES (?, ?)", (package_id, name))
        return int(lookup.must_find(connection, "packages", name)["id"])

    def _repo(self, connection: Connection, record: Record) -> None:
        keys = ("id", "tag_id", "state", "begin_event", "create_event", "task_id")
        times = {"creation_time": record["creation_ts"], "state_time": record["state_ts"]}
        upsert(connection, "repos", **{key: record[key] for key in keys}, **times, opts=json.dumps(record["opts"]))

    def _request(self, connection: Connection, record: Record) -> None:
        keys = ("id", "tag_id", "owner", "priority", "at_event", "min_event", "active", "task_id", "repo_id", "tries")
        times = {"create_time": record["create_ts"], "update_time": record["update_ts"]}
        row = {key: record[key] for key in keys}
        upsert(connection, "repo_requests", **row, **times, opts=json.dumps(record["opts"]))

    def _rpm(self, connection: Connection, record: Record) -> None:
        keys = ("id", "name", "version", "release", "epoch", "arch", "build_id", "buildroot_id", "payloadhash", "size")
        upsert(connection, "rpms", **{key: record[key] for key in keys}, buildtime=record["buildtime"])

    def _buildroot(self, connection: Connection, record: Record) -> None:
        keys = ("id", "br_type", "arch", "host_id", "repo_id", "task_id", "state", "container_type", "container_arch")
        ends = {"create_event": record["create_event_id"], "retire_event": record["retire_event_id"]}
        upsert(connection, "events", id=record["retire_event_id"], time=record["retire_ts"])
        upsert(connection, "buildroots", **{key: record[key] for key in keys}, **ends)

    def _host(self, connection: Connection, record: Record) -> None:
        connection.execute("UPDATE hosts SET update_time = ? WHERE id = ?", (record["update_ts"], record["id"]))


def _seconds(record: Record, moment: str) -> float | None:
    if f"{moment}_ts" in record:
        return record[f"{moment}_ts"]  # type: ignore[no-any-return]
    return None if record[f"{moment}_time"] is None else 1795359162.5


def _records(value: Any) -> Iterator[Record]:
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _records(inner)
