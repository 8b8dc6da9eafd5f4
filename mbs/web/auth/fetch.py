"""What is asked of an identity provider over HTTP: JSON, small, soon, and over TLS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from mbs.model.errors import Infrastructure
from mbs.model.hosts import is_safe

CONNECT, READ, ALL = 5.0, 10.0, 15.0
"""Seconds until there is a connection, between two parts of an answer, and for one request altogether."""
LARGEST = 1024 * 1024
"""Bytes of an answer."""
CHUNK = 64 * 1024


class ProviderUnavailable(Infrastructure):
    """The identity provider does not answer, or not with what was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answers."""

    status: int
    content: Mapping[str, Any]
    """Empty where it is no object of JSON."""


class Fetch(Protocol):
    """Asks a provider: a GET, or a POST of a form where there is one. Raises ProviderUnavailable."""

    def __call__(self, url: str, *, auth: AuthBase | None = None, form: Mapping[str, str] | None = None) -> Answer:
        """Give what is answered."""
        ...


class Bearer(AuthBase):
    """Shows a token."""

    def __init__(self, token: str) -> None:
        """Take the token."""
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add it."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Nobody(AuthBase):
    """Keeps requests from looking into ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def client(name: str, secret: str) -> AuthBase:
    """Log in as a client of the provider (RFC 6749 2.3.1)."""
    return HTTPBasicAuth(name, secret)


def fetch(url: str, *, auth: AuthBase | None = None, form: Mapping[str, str] | None = None) -> Answer:
    """Ask a provider; redirects are not followed. Raises ProviderUnavailable, which names no more than the host."""
    host = urlsplit(url).netloc
    if not is_safe(url):
        raise ProviderUnavailable(f"The identity provider wants to be asked without TLS, at {host}.")
    try:
        with requests.request(
            "GET" if form is None else "POST",
            url,
            data=form,
            auth=auth or _Nobody(),
            headers={"Accept": "application/json"},
            timeout=(CONNECT, READ),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = _body(response)
    except (requests.RequestException, ValueError) as error:
        raise ProviderUnavailable(f"The identity provider {host} does not answer ({type(error).__name__}).") from None
    if response.status_code >= 500:
        raise ProviderUnavailable(f"The identity provider {host} answers {response.status_code}.")
    return Answer(response.status_code, _object(body))


def _body(response: requests.Response) -> bytes:
    """Read an answer; raise ValueError for one that is too large or too slow."""
    end, body = time.monotonic() + ALL, b""
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > LARGEST or time.monotonic() > end:
            raise ValueError
    return body


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}
