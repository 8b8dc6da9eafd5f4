"""An OpenID provider: where its endpoints are, its keys, and what it tells of a token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from requests.auth import AuthBase

from mbs.model.errors import Busy, Unauthenticated
from mbs.web.auth.fetch import Answer, Bearer, Fetch, ProviderUnavailable, fetch

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Of signatures: those of which whoever can check one cannot make one."""
KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
FRESH = 3600.0
"""Seconds for which endpoints and keys are taken as known."""
PAUSE = 30.0
"""Seconds after which unknown keys are asked for again: anybody can name one."""
RECOVERY = 5.0
"""Seconds for which a provider that does not answer is left alone."""
AT_A_TIME = 8
"""Questions about tokens, which strangers can bring in any number."""
PATIENCE = 5.0
"""Seconds for which one more waits for its turn."""
LEEWAY = 30
"""Seconds by which clocks may differ."""
INVALID = "OIDC token invalid or expired."


@dataclass(frozen=True, slots=True)
class _Known:
    """What a provider has said of itself, and when."""

    endpoints: Mapping[str, Any] = field(default_factory=dict)
    keys: Sequence[Mapping[str, Any]] = ()
    at: float = float("-inf")

    def key(self, name: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Give the key of that name; without a name the only one that there is for the algorithm."""
        named = (fields for fields in self.keys if name is None or fields.get("kid") == name)
        usable = [key for fields in named if (key := _make(fields, algorithm))]
        return usable[0] if len(usable) == 1 else None


class Provider:
    """Asks the provider as little as possible. Threads may share it.

    Every method raises ProviderUnavailable where it does not answer, and Unauthenticated for a token that is none.
    """

    def __init__(
        self,
        issuer: str,
        login: AuthBase | None = None,
        *,
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take where it is, and who we are there; `clock` gives seconds since 1970."""
        self.issuer = issuer
        self._login = login
        self._fetch = fetch
        self._clock = clock
        self._known = _Known()
        self._away_until = float("-inf")
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_A_TIME)

    def look(self) -> None:
        """See to it that endpoints and keys are known."""
        self._current()

    def claims(self, token: str, audience: Sequence[str]) -> Mapping[str, Any]:
        """Check a JWT with the provider's keys, and give its claims: made by it, for one of `audience`, and for now."""
        try:
            header = jwt.get_unverified_header(token)
            return _decode(token, self._key(header.get("kid"), header.get("alg")), self.issuer, audience)
        except jwt.PyJWTError:
            raise Unauthenticated(INVALID) from None

    def introspect(self, token: str) -> Mapping[str, Any]:
        """Ask what a token that is no JWT stands for (RFC 7662)."""
        url = self._current().endpoints.get("introspection_endpoint")
        if self._login is None or url is None:
            raise Unauthenticated(INVALID)
        answer = self._ask(url, auth=self._login, form={"token": token})
        if answer.status != 200:
            raise ProviderUnavailable("The identity provider does not let the service ask about tokens.")
        if answer.content.get("active") is not True:
            raise Unauthenticated(INVALID)
        return answer.content

    def user_info(self, token: str) -> Mapping[str, Any]:
        """Ask who a token's user is; nothing where the provider has no such endpoint, or does not take the token."""
        url = self._current().endpoints.get("userinfo_endpoint")
        answer = self._ask(url, auth=Bearer(token)) if url else None
        return answer.content if answer and answer.status == 200 else {}

    def _ask(self, url: str, *, auth: AuthBase, form: Mapping[str, str] | None = None) -> Answer:
        with _in_turn(self._turns):
            return self._fetch(url, auth=auth, form=form)

    def _key(self, name: str | None, algorithm: str | None) -> jwt.PyJWK:
        if algorithm is None or algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        known = self._current()
        key = known.key(name, algorithm)
        if key is None and self._clock() - known.at > PAUSE:
            key = self._current(after=known.at).key(name, algorithm)
        if key is None:
            raise jwt.InvalidKeyError
        return key

    def _current(self, after: float = float("-inf")) -> _Known:
        """Give what is known, learnt after a time and an hour ago at most."""
        if not self._is_current(after):
            with _in_turn(self._lock):
                if not self._is_current(after):
                    self._learn()
        return self._known

    def _is_current(self, after: float) -> bool:
        return self._known.at > max(after, self._clock() - FRESH)

    def _learn(self) -> None:
        if self._clock() < self._away_until:
            raise ProviderUnavailable("The identity provider did not answer a moment ago.")
        try:
            self._known = self._ask_for_all()
        except ProviderUnavailable:
            self._away_until = self._clock() + RECOVERY
            raise

    def _ask_for_all(self) -> _Known:
        endpoints = self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration").content
        if endpoints.get("issuer") != self.issuer or not isinstance(endpoints.get("jwks_uri"), str):
            raise ProviderUnavailable(f"What answers at {self.issuer} does not say that it is that provider.")
        keys = self._fetch(endpoints["jwks_uri"]).content.get("keys")
        if not isinstance(keys, list):
            raise ProviderUnavailable(f"The identity provider {self.issuer} tells no keys.")
        return _Known(endpoints, [key for key in keys if isinstance(key, dict)], self._clock())


@contextmanager
def _in_turn(turns: threading.Lock | threading.BoundedSemaphore) -> Iterator[None]:
    """Wait for a turn, but not for long. Raises Busy."""
    if not turns.acquire(timeout=PATIENCE):
        raise Busy("Too many log in at the same time. Try again.")
    try:
        yield
    finally:
        turns.release()


def _make(fields: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """Make a key of what a provider says of it; None where it is not for this algorithm, or not for signatures."""
    if fields.get("kty") not in KEY_TYPES or fields.get("use", "sig") != "sig":
        return None
    if fields.get("alg", algorithm) != algorithm:
        return None
    try:
        return jwt.PyJWK(dict(fields), algorithm)
    except jwt.PyJWTError:
        return None


def _decode(token: str, key: jwt.PyJWK, issuer: str, audience: Sequence[str]) -> Mapping[str, Any]:
    assert key.algorithm_name in ALGORITHMS  # noqa: S101 - as `Provider._key` has seen to
    return jwt.decode(
        token,
        key,
        algorithms=[key.algorithm_name],
        issuer=issuer,
        audience=list(audience),
        leeway=LEEWAY,
        options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
    )
