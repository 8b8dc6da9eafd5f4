"""The hub's one SQLite file: opening it, reading it, and one writer at a time.

    database = Database.open(state / "hub.sqlite")     # creates it, or refuses another version
    database.reader().execute("SELECT ...")            # this thread's own connection, autocommit
    with database.transaction() as connection:         # BEGIN IMMEDIATE ... COMMIT, or ROLLBACK on any exception
        tags.create(connection, "f40")

The modules beside this one (`tags`, `tasks`, `builds`, `repos`, ...) are plain functions whose first argument is such a
connection; those that write must be called inside `transaction()`. A transaction that ended is on disk, whatever then
kills the process (WAL; only a power loss may take the last ones). Rows are `sqlite3.Row`: `row["name"]`.

A transaction has at most one event, made when first asked for (`events.current`): that is Koji's rule, and what makes
everything one call did appear at one moment of history.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

SCHEMA_VERSION = 1
"""Raised with every change of schema.sql; a state directory of another version is refused, not migrated."""


class StateRefused(Exception):
    """The state directory cannot be used; the message is one line and says what to do."""


class Connection(sqlite3.Connection):
    """A connection that knows the event of its running transaction."""

    event: int | None = None


class Database:
    """The hub's database: a connection per thread, and a lock that lets one transaction write at a time."""

    def __init__(self, path: Path) -> None:
        """Take the path of a database that exists; `open` is how one is made."""
        self.path = path
        self._local = threading.local()
        self._writing = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open the database, making it when there is none; raise `StateRefused` for another version or file."""
        database = cls(path)
        try:
            _check_version(database)
        except sqlite3.DatabaseError as error:
            raise StateRefused(f"{path} is not a database of devhub ({error}); choose another --state") from error
        return database

    def reader(self) -> Connection:
        """Give this thread's connection, for statements outside a transaction."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self.path)
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the block as one transaction on this thread's connection; any exception rolls all of it back.

        Inside another transaction of the same thread the block joins that one.
        """
        connection = self.reader()
        if connection.in_transaction:
            yield connection
            return
        with self._writing:
            connection.execute("BEGIN IMMEDIATE")
            connection.event = None
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(
        path, timeout=60, isolation_level=None, factory=Connection, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _check_version(database: Database) -> None:
    connection = database.reader()
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == SCHEMA_VERSION:
        return
    if found or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        message = f"{database.path} has schema {found}, this devhub needs {SCHEMA_VERSION}"
        raise StateRefused(f"{message}; use the devhub that made it, or another --state")
    connection.execute("PRAGMA journal_mode = WAL")
    with database.transaction():
        for statement in _statements():
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _statements() -> list[str]:
    text = (resources.files("devhub") / "schema.sql").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement for statement in code.split(";") if statement.strip()]
