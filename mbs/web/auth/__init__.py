"""Who asks: each way to know it is an authenticator, and the setting `auth` names those that count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi import Request

from mbs.model.errors import Problem
from mbs.model.users import User
from mbs.settings import InvalidSettings, Settings


class Authenticator(Protocol):
    """One way to know who asks."""

    name: str
    """As the setting `auth` has it."""
    method: str
    """What `about/` calls it, for rpkg: `oidc` or `kerberos`."""
    missing: str
    """What is said (with 401) to who brings nothing that any authenticator takes; the first one's counts."""
    is_ambient: bool
    """Whether a browser sends its proof by itself, so that a stranger's page could make it ask for something."""

    def user_of(self, request: Request) -> User | None:
        """Give who asks; None where the request brings nothing of this way.

        Raises Unauthenticated where what it brings is no proof, Infrastructure where that cannot be known now. Called
        in a thread: it may wait.
        """
        ...


def chosen(settings: Settings, known: Mapping[str, Authenticator]) -> tuple[Authenticator, ...]:
    """Give the authenticators that the setting `auth` names, in its order; raise InvalidSettings for one not known."""
    unknown = [name for name in settings.auth if name not in known]
    if unknown:
        raise InvalidSettings((Problem(f"{unknown[0]} is none of {', '.join(known)}", "auth"),))
    return tuple(known[name] for name in settings.auth)
