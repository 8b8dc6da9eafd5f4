"""Hearing that module builds were recorded or changed, without asking for them.

PostgreSQL tells it to whoever listens (a trigger of the table `module_builds`), at the end of the transaction.
"""

from __future__ import annotations

from select import select
from typing import TYPE_CHECKING, cast

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class

CHANNEL = "module_builds"
"""What the trigger tells it on (migration 0006)."""


class Changes:
    """Listens on a connection of its own, which is opened at the first question and again when it was lost.

    For one thread. Nothing is heard behind a pooler that lends connections for a transaction: ask now and then anyway.
    """

    def __init__(self, engine: Engine, channel: str = CHANNEL) -> None:
        """Take the registry's engine, and what to listen to."""
        self._engine, self._channel = engine, channel
        self._connection: Connection | None = None

    def heard(self, wait: float = 0) -> bool:
        """Tell whether anything may have changed since the last question; `wait` seconds for it.

        At the first, and after a fault, that cannot be known: then it may have.
        """
        try:
            if self._connection is None:
                self._connection = self._listen()
                return True
            select([self._connection], [], [], wait)
            self._connection.poll()
        except (psycopg2.Error, SQLAlchemyError):
            self.close()
            return True
        heard = bool(self._connection.notifies)
        self._connection.notifies.clear()
        return heard

    def close(self) -> None:
        """Listen no more until the next question."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _listen(self) -> Connection:
        """Open a connection that is no part of the engine's pool."""
        pooled = self._engine.raw_connection()
        connection = cast("Connection", pooled.driver_connection)
        pooled.detach()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {self._channel}")
        return connection
