"""Who asks, as a front server has found out: Kerberos, by Apache's mod_auth_gssapi."""

from __future__ import annotations

import hmac
from typing import Protocol

from fastapi import Request

from mbs.model.errors import Infrastructure, Unauthenticated
from mbs.model.hosts import Address, is_loopback
from mbs.model.users import User, is_name
from mbs.settings import Settings
from mbs.web.auth.peers import Networks, forwarded_for, is_in, networks, peer_of

SECRET_HEADER = "x-proxy-secret"  # noqa: S105 - where the secret is
NO_USER = "No REMOTE_USER is set."
NO_REALM = "Value of REMOTE_NAME is not in format username@REALM"
UNSET = frozenset({"", "(null)"})
"""What Apache writes for a variable that nobody has set."""


class Groups(Protocol):
    """Knows the groups of users."""

    def __call__(self, user: str) -> frozenset[str]:
        """Give the groups of a user; none of one that is not known. Raises Infrastructure."""
        ...


class FrontServer:
    """Takes the user whom a front server names, of whatever it lets through; its own address is the proof.

    The header of anybody else is refused, and not just ignored: who sends it wants to be somebody.
    """

    name, method, is_ambient = "proxy", "kerberos", True

    def __init__(self, settings: Settings, groups: Groups | None = None) -> None:
        """Take what the settings say of it, and who knows groups, if anybody does."""
        self._settings = settings
        self._groups = groups
        self._trusted = networks(settings.trusted_proxies)

    def user_of(self, request: Request) -> User | None:
        """Give the user in the header; None where there is none."""
        given = request.headers.getlist(self._settings.proxy_user_header)
        if not given:
            return None
        check_sender(request, self._trusted, self._settings.proxy_secret)
        if len(given) > 1:
            raise Unauthenticated(f"The header {self._settings.proxy_user_header} is there {len(given)} times.")
        if given[0].strip() in UNSET:
            return None
        name = name_of(given[0].strip(), self._settings.proxy_realms)
        return User(name=name, groups=self._groups_of(name), way=self.name)

    def missing(self, request: Request) -> str:  # noqa: ARG002 - the protocol's
        """Say it in MBS's words."""
        return NO_USER

    def _groups_of(self, user: str) -> frozenset[str]:
        """Ask for the groups; who is in `allowed_users` needs none, and so no server that tells them."""
        try:
            return self._groups(user) if self._groups else frozenset()
        except Infrastructure:
            if user not in self._settings.allowed_users:
                raise
            return frozenset()


def check_sender(request: Request, trusted: Networks, secret: str) -> None:
    """Refuse a request that no trusted front server has sent, with Unauthenticated."""
    peer = peer_of(request)
    if peer is None or not is_in(peer, trusted) or _may_be_forged(peer, request):
        raise Unauthenticated(f"Whom {peer or 'a socket'} has authenticated does not count here.")
    shown = request.headers.get(SECRET_HEADER, "")
    if secret and not hmac.compare_digest(shown.encode("latin-1"), secret.encode()):
        raise Unauthenticated("A front server has to show its secret.")


def name_of(principal: str, realms: tuple[str, ...]) -> str:
    """Give the user of a principal, `pat@EXAMPLE.ORG`; one of another realm may have the same name."""
    name, at, realm = principal.rpartition("@")
    if not at or not name or not realm:
        raise Unauthenticated(NO_REALM)
    if realm not in realms or not is_name(name) or "@" in name:
        raise Unauthenticated(f"Users of the realm {realm} are not taken here." if is_name(realm) else NO_REALM)
    return name


def _may_be_forged(peer: Address, request: Request) -> bool:
    """Tell whether the server may have taken the peer's address from a header.

    uvicorn does that, with --proxy-headers, and anybody can write this header. The other end of the connection it tells
    as it is: whoever comes from this machine has come to this machine.
    """
    if peer.is_loopback:
        server = request.scope.get("server")
        return not (server and is_loopback(server[0]))
    return peer in forwarded_for(request)
