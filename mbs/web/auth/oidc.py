"""Who asks, as an OpenID provider knows it: bearer tokens, JWT or opaque."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jwt
from fastapi import Request

from mbs.model.errors import Unauthenticated
from mbs.model.users import User, is_name
from mbs.settings import Settings
from mbs.web.auth import bearer_of, no_token
from mbs.web.auth.fetch import client
from mbs.web.auth.provider import INVALID, LEEWAY, Provider
from mbs.web.auth.remembered import Remembered

KEPT = 60.0
"""Seconds for which a token that was good is taken as good; what is taken back counts that much later."""
LONGEST = 16 * 1024
"""Characters of a token."""
NO_GROUPS = "Could not find groups in UserInfo from OIDC"
UNREADABLE_GROUPS = "OpenIDC auth error: Cannot determine the user's groups"

Claims = Mapping[str, Any]


class OpenId:
    """Takes the bearer tokens of one provider; a JWT of another issuer is left to the next authenticator."""

    name, method, is_ambient = "oidc", "oidc", False

    def __init__(
        self, settings: Settings, provider: Provider | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Take what the settings say of the provider."""
        self._settings = settings
        self._provider = provider or provider_of(settings)
        self._clock = clock
        self._users: Remembered[bytes, User] = Remembered(clock)

    def user_of(self, request: Request) -> User | None:
        """Give the user of a token."""
        token = bearer_of(request)
        if token is None:
            return None
        if len(token) > LONGEST:
            raise Unauthenticated(INVALID)
        if named_issuer(token) not in {None, self._provider.issuer}:
            return None
        digest = hashlib.sha256(token.encode()).digest()
        return self._users.get(digest) or self._ask(token, digest)

    def missing(self, request: Request) -> str:
        """Say it in MBS's words."""
        return no_token(request) or INVALID

    def _ask(self, token: str, digest: bytes) -> User:
        claims = self._claims(token)
        check_scopes(claims, self._settings.oidc_required_scopes)
        user = user_of(claims, cache(lambda: self._info(token, claims)), self._settings)
        now = self._clock()
        self._users.keep(digest, user, min(now + KEPT, float(claims.get("exp", now + KEPT))))
        return user

    def _claims(self, token: str) -> Claims:
        audience = self._settings.oidc_audience or (self._settings.oidc_client_id,)
        if named_issuer(token) is not None:
            return self._provider.claims(token, audience)
        claims = self._provider.introspect(token)
        check_introspected(claims, self._provider.issuer, self._settings.oidc_audience, self._clock())
        return claims

    def _info(self, token: str, claims: Claims) -> Claims:
        """Ask for UserInfo: of the same user, or it counts for nothing (OpenID Connect Core 5.3.2)."""
        info = self._provider.user_info(token)
        return info if "sub" not in claims or info.get("sub") == claims["sub"] else {}


def provider_of(settings: Settings) -> Provider:
    """Make the provider that the settings name."""
    name, secret = settings.oidc_client_id, settings.oidc_client_secret
    return Provider(settings.oidc_issuer, client(name, secret) if name and secret else None)


def named_issuer(token: str) -> str | None:
    """Give who a JWT says has made it, which nobody has checked; None where the token is no JWT."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
    except (jwt.PyJWTError, RecursionError):
        return None


def check_introspected(claims: Claims, issuer: str, audience: Sequence[str], now: float) -> None:
    """Check what a provider tells of an opaque token as far as it tells it; whom it is for where that is asked."""
    for_us = _texts(claims.get("aud"))
    if audience and not for_us & set(audience):
        raise Unauthenticated(INVALID)
    if claims.get("iss", issuer) != issuer:
        raise Unauthenticated(INVALID)
    try:
        valid = float(claims.get("nbf", now)) - LEEWAY <= now < float(claims.get("exp", now + 1)) + LEEWAY
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise Unauthenticated(INVALID)


def check_scopes(claims: Claims, required: Sequence[str]) -> None:
    """Refuse a token without one of the scopes."""
    present = scopes_of(claims)
    for scope in required:
        if scope not in present:
            raise Unauthenticated(f"Required OIDC scope {scope!r} not present: {present!r}")


def scopes_of(claims: Claims) -> list[str]:
    """Give the scopes: a text (RFC 8693 4.2), or what some providers have as `scp`."""
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def user_of(claims: Claims, info: Callable[[], Claims], settings: Settings) -> User:
    """Tell who it is; UserInfo is asked only for what the token does not say. Raises Unauthenticated.

    Who is in `allowed_users` needs no groups, and so none that are told.
    """
    name = claims.get(settings.oidc_user_claim) or info().get(settings.oidc_user_claim)
    if not is_name(name):
        raise Unauthenticated(f"OIDC token without a user: neither it nor UserInfo has {settings.oidc_user_claim}.")
    try:
        groups = groups_of(claims, info, settings.oidc_groups_claim)
    except Unauthenticated:
        if name not in settings.allowed_users:
            raise
        groups = frozenset()
    return User(name=name, groups=groups, way=OpenId.name)


def groups_of(claims: Claims, info: Callable[[], Claims], claim: str) -> frozenset[str]:
    """Tell the groups. Raises Unauthenticated where nothing tells them."""
    value = claims[claim] if claim in claims else info().get(claim)
    if value is None:
        raise Unauthenticated(NO_GROUPS)
    groups = _texts(value)
    if isinstance(value, str | list) and (groups or not value):
        return groups
    raise Unauthenticated(UNREADABLE_GROUPS)


def _texts(value: object) -> frozenset[str]:
    """Give the texts of a list, or the one that there is instead of a list."""
    each = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(one for one in each if isinstance(one, str) and one)
