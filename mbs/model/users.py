"""Who asks for something, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from mbs.model.quoting import plain

LONGEST = 255
"""Characters of a name."""


NO_AUTH = "no_auth"
"""The way in which nobody logs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or a program that asks for something; as a text the name."""

    name: str
    groups: frozenset[str] | None = frozenset()
    """The groups that the user is in; None where nothing tells them, as to the tasks of Airflow's forms."""
    way: str = ""
    """How that is known: the name of an authenticator, as the setting `auth` has it; `form` for a form of Airflow."""
    address: str = ""
    """Where the request came from; empty where nothing tells it."""

    def __str__(self) -> str:
        """Give the name."""
        return self.name


By: TypeAlias = User | str
"""Who changes a module build: a user, or the name of a user or of a task."""


def origin_of(by: By) -> str | None:
    """Give what a trace keeps besides the name: `oidc from 192.0.2.7`; None where nothing is known."""
    return " from ".join(filter(None, (by.way, by.address))) or None if isinstance(by, User) else None


def is_name(value: object) -> TypeGuard[str]:
    """Tell whether something can be a user's name: one line in which everything is seen, and not a long one."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and plain(value) == value
