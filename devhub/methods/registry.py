"""The registry of remote methods, and what each of them is handed: a `Call`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import koji

from devhub.database import Connection, Database
from devhub.sessions import Session
from devhub.settings import Settings
from devhub.values import Value


@dataclass(frozen=True, slots=True)
class Call:
    """One call under way: its database connection, who makes it, and the hub's settings.

    `connection` is in a transaction for methods that write, and for reading otherwise.
    """

    connection: Connection
    session: Session | None
    settings: Settings
    database: Database

    @property
    def permissions(self) -> list[str]:
        """The caller's permissions, none where nobody is logged in."""
        return list(self.session.permissions) if self.session else []

    def login(self) -> Session:
        """Give the session, or raise ActionNotAllowed when nobody is logged in."""
        if self.session is None:
            raise koji.ActionNotAllowed("you must be logged in for this operation")
        return self.session

    def has(self, *wanted: str) -> bool:
        """Whether the caller has one of the permissions, or is an admin."""
        return not {"admin", *wanted}.isdisjoint(self.permissions)

    def require(self, *wanted: str) -> Session:
        """Give the session, or raise ActionNotAllowed naming the last of the permissions, one of which would do."""
        if self.session is not None and self.has(*wanted):
            return self.session
        who = f"logged in as {self.session.user_name}" if self.session else "user not logged in"
        raise koji.ActionNotAllowed(f"{wanted[-1]} permission required ({who})")


@dataclass(frozen=True, slots=True)
class Method:
    """A remote method: its name on the wire, the function behind it, whether it needs a transaction."""

    name: str
    function: Callable[..., Value]
    writes: bool


METHODS: dict[str, Method] = {}
Function = TypeVar("Function", bound=Callable[..., Value])


def method(name: str, *, writes: bool = False) -> Callable[[Function], Function]:
    """Register a function as a remote method; its first argument is the `Call`, the others are Koji's."""

    def register(function: Function) -> Function:
        if name in METHODS:
            raise ValueError(f"{name} is registered twice")
        METHODS[name] = Method(name, function, writes)
        return function

    return register
