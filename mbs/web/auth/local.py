"""Nobody logs in: for a laptop, where whoever asks sits in front of it."""

from __future__ import annotations

import re

from fastapi import Request

from mbs.model.hosts import is_loopback
from mbs.model.users import User
from mbs.web.auth.peers import FORWARDED

USER = "anonymous"
GROUPS = frozenset({"packager"})
"""As MBS's NO_AUTH gives them."""

_HOST = re.compile(r"(?:\[(?P<six>[^]]+)]|(?P<other>[^:]+))(?::\d*)?")


class NoAuth:
    """Takes everybody who asks on this very machine, for the same user.

    Each request is looked at, since the same application may listen elsewhere too: both ends of its connection are
    loopback, it names a loopback host (a page of the web may have given its own name our address), and no proxy has
    passed it on.
    """

    name, method, is_ambient = "no_auth", "oidc", True

    def user_of(self, request: Request) -> User | None:
        """Give the one user; None where the request may come from elsewhere."""
        if not is_from_here(request):
            return None
        return User(name=USER, groups=GROUPS, way=self.name)

    def missing(self, request: Request) -> str:  # noqa: ARG002 - the protocol's
        """Say that it is for this machine alone."""
        return "Without authentication only this very machine may ask for changes: use http://localhost or 127.0.0.1."


def is_from_here(request: Request) -> bool:
    """Tell whether a request was certainly made on this machine, and by no page of another host."""
    ends = [request.scope.get("client"), request.scope.get("server")]
    hosts = [end[0] if end else "" for end in ends] + [_named(request)]
    return all(map(is_loopback, hosts)) and not any(name in request.headers for name in FORWARDED)


def _named(request: Request) -> str:
    """Give the host that the request names, without its port; empty where it names none, or several."""
    named = request.headers.getlist("host")
    found = _HOST.fullmatch(named[0]) if len(named) == 1 else None
    return found["six"] or found["other"] if found else ""
