"""Who asks: each way to know it is an authenticator, and the setting `auth` names those that count."""

from __future__ import annotations

from typing import Protocol

from fastapi import Request

from mbs.model.users import User

NO_HEADER = "No 'authorization' header found."
NO_BEARER = "Authorization headers must start with 'Bearer '"
SCHEME = "bearer "


class Authenticator(Protocol):
    """One way to know who asks."""

    name: str
    """As the setting `auth` has it."""
    method: str
    """What `about/` calls it, for rpkg: `oidc` or `kerberos`."""
    is_ambient: bool
    """Whether a browser sends its proof by itself, so that a stranger's page could make it ask for something."""

    def user_of(self, request: Request) -> User | None:
        """Give who asks; None where the request brings nothing of this way.

        Raises Unauthenticated where what it brings is no proof, Infrastructure where that cannot be known now. Called
        in a thread: it may wait.
        """
        ...

    def missing(self, request: Request) -> str:
        """Say, with 401, what a request lacks that no authenticator takes; the first one of `auth` is asked."""
        ...


def bearer_of(request: Request) -> str | None:
    """Give the bearer token that a request brings, if any."""
    header = request.headers.get("authorization", "")
    return header[len(SCHEME) :].strip() or None if header.lower().startswith(SCHEME) else None


def no_token(request: Request) -> str:
    """Say in MBS's words why a request brings no bearer token; empty where it brings one."""
    if "authorization" not in request.headers:
        return NO_HEADER
    return "" if bearer_of(request) else NO_BEARER
