"""From the bytes of an XML-RPC call to those of its answer, with Koji's rules for sessions, arguments and faults."""

from __future__ import annotations

import logging
import sqlite3
import threading
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import koji
from koji import xmlrpcplus

from devhub import sessions, wire
from devhub.database import Connection, Database
from devhub.methods import METHODS, Call, Method
from devhub.sessions import Session
from devhub.settings import Settings
from devhub.values import Value

log = logging.getLogger(__name__)

MULTICALL = ("multiCall", "system.multicall")
MAY_BE_EXPIRED = ("login", "logout")
REQUESTS = "devhub.requests"
"""Among the counts of methods: how many HTTP requests brought them."""
MAX_CALL = 4 << 20
"""Bytes of a call, multicalls included (Koji's MaxRequestLength)."""


class BadRequest(Exception):
    """The body is no XML-RPC call."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Koji-Session headers of a request."""

    session_id: int
    key: str
    callnum: int | None

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Credentials | None:
        """Read the headers of a WSGI request; None where there are none, AuthError where they make no sense."""
        if "HTTP_KOJI_SESSION_ID" not in environ:
            return None
        number = environ.get("HTTP_KOJI_SESSION_CALLNUM", environ.get("HTTP_KOJI_CALLNUM"))
        try:
            callnum = None if number is None else int(number)
            return cls(int(environ["HTTP_KOJI_SESSION_ID"]), environ["HTTP_KOJI_SESSION_KEY"], callnum)
        except (KeyError, ValueError) as error:
            raise koji.AuthError("Invalid session or bad credentials") from error


class Dispatcher:
    """Runs remote methods against one database, and counts them."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Take the hub's database and settings."""
        self._database = database
        self._settings = settings
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()

    def answer(self, body: bytes, environ: Mapping[str, Any]) -> bytes:
        """Run the call in a request's body and give the answer or fault; raise `BadRequest` for anything else."""
        try:
            params, name = wire.read_call(body)
        except Exception as error:
            raise BadRequest(f"Invalid request: {error}") from error
        if not isinstance(name, str):
            raise BadRequest("Invalid request: no method name")
        try:
            return wire.write_answer(self._run(name, params, environ))
        except Exception as error:  # noqa: BLE001 - the caller gets every failure as a fault
            return encode_fault(error)

    def session(self, environ: Mapping[str, Any], name: str = "") -> Session | None:
        """Give the session of a request, None where it has none."""
        credentials = Credentials.of(environ)
        if credentials is None:
            return None
        return sessions.resume(
            self._database.reader(),
            credentials.session_id,
            credentials.key,
            credentials.callnum,
            expired_ok=name in MAY_BE_EXPIRED,
        )

    def _run(self, name: str, params: tuple[Value, ...], environ: Mapping[str, Any]) -> Value:
        if name not in MULTICALL and name not in METHODS:
            raise koji.GenericError(f"Invalid method: {name}")
        session = self.session(environ, name)
        self._count(REQUESTS)
        if name in MULTICALL:
            return self._multicall(params, session)
        return self._call(name, params, session, record=True)

    def _multicall(self, params: tuple[Value, ...], session: Session | None) -> list[Value]:
        """Run calls one by one; what succeeded before a failure stays, as in Koji."""
        args, _ = koji.decode_args(*params)
        if len(args) != 1 or not isinstance(args[0], list):
            raise koji.ParameterError("multiCall() takes one list of calls")
        recorded = False
        results: list[Value] = []
        for entry in args[0]:
            try:
                name, own = entry["methodName"], entry["params"]
                writes = name in METHODS and METHODS[name].writes
                results.append([self._call(name, own, session, record=writes and not recorded)])
                recorded = recorded or writes
            except koji.RetryError:
                raise
            except Exception as error:  # noqa: BLE001 - each call of a multicall has its own outcome
                fault = _fault(error)
                trace = traceback.format_exception(error)
                results.append({"faultCode": fault.faultCode, "faultString": fault.faultString, "traceback": trace})
        return results

    def _call(self, name: str, params: Value, session: Session | None, *, record: bool) -> Value:
        if name not in METHODS:
            raise koji.GenericError(f"Invalid method: {name}")
        args, kwargs = koji.decode_args(*params)
        method = METHODS[name]
        self._count(name)
        if not method.writes:
            self._flush_counts_for(name)
            return self._invoke(method, self._database.reader(), session, args, kwargs)
        with self._database.transaction() as connection:
            self._store_counts(connection)
            if session is not None and record:
                sessions.record_call(connection, session, name)
            return self._invoke(method, connection, session, args, kwargs)

    def _invoke(
        self,
        method: Method,
        connection: Connection,
        session: Session | None,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
    ) -> Value:
        call = Call(connection, session, self._settings, self._database)
        try:
            return method.function(call, *args, **kwargs)
        except TypeError as error:
            # A TypeError of the call itself, not of anything the method does: its traceback ends here.
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise koji.ParameterError(str(error)) from error
            raise

    def _count(self, name: str) -> None:
        with self._counting:
            self._counts[name] += 1

    def _flush_counts_for(self, name: str) -> None:
        """Store the counts before they are asked for; otherwise they go along with the next change."""
        if name == "devhub.callCounts":
            with self._database.transaction() as connection:
                self._store_counts(connection)

    def _store_counts(self, connection: Connection) -> None:
        with self._counting:
            counts, self._counts = self._counts, Counter()
        connection.executemany(
            "INSERT INTO call_counts VALUES (?, ?) ON CONFLICT (method) DO UPDATE SET count = count + excluded.count",
            list(counts.items()),
        )


def encode_fault(error: Exception) -> bytes:
    """Give the answer that tells an error to the caller."""
    return str(xmlrpcplus.dumps(_fault(error))).encode()


def _fault(error: Exception) -> Any:  # noqa: ANN401 - xmlrpc's Fault, of a library without types
    if isinstance(error, xmlrpcplus.Fault):
        return error
    if isinstance(error, sqlite3.OperationalError):
        log.error("database outage: %s", error)
        return xmlrpcplus.Fault(koji.ServerOffline.faultCode, "database outage")
    code = getattr(error, "faultCode", 1)
    if code == 1:
        log.error("unexpected error", exc_info=error)
        return xmlrpcplus.Fault(code, f"{type(error)}: {error}")
    return xmlrpcplus.Fault(code, str(error))
