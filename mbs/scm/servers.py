"""Git servers of strangers: which do not answer, and where they send git to."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import urljoin

from mbs.model.errors import MbsError, ScmUnavailable
from mbs.scm.url import Location, ScmRules, is_allowed, location_of


class Hosts:
    """Remembers which hosts were given up, whatever repository of theirs was asked for. Shared by threads."""

    def __init__(self) -> None:
        """Trust all of them."""
        self._given_up: dict[str, str] = {}

    def check(self, repository: str) -> None:
        """Raise ScmUnavailable where the host of a repository was given up, with what was said then."""
        said = self._given_up.get(host_of(repository))
        if said is not None:
            raise ScmUnavailable(said)

    def give_up(self, repository: str, error: ScmUnavailable) -> None:
        """Ask the host of a repository no more."""
        self._given_up.setdefault(host_of(repository), str(error))


def host_of(repository: str) -> str:
    """Give host and port; local repositories stand each for itself."""
    location = location_of(repository)
    return location.authority if location and location.authority else repository


_REFS = "/info/refs?service=git-upload-pack"
"""What git asks a smart HTTP server first; only an answer to it may be a redirect."""
_FOLLOWED = frozenset({"http", "https"})


class Redirected(MbsError):
    """The server redirects."""


class _NotFollowed(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to whoever asked."""

    def http_error_302(  # the form is urllib's
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: http.client.HTTPMessage,  # noqa: ARG002
    ) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def redirect_of(url: str, timeout: float) -> str:
    """Give the address that a repository's first answer names, whole; empty where it names none.

    Raises `ScmUnavailable` where the server does not answer within `timeout` seconds.
    """
    opener = urllib.request.build_opener(_NotFollowed)
    try:
        with opener.open(urllib.request.Request(url + _REFS), timeout=timeout):  # noqa: S310 # git asked it before
            return ""
    except urllib.error.HTTPError as answer:
        return _joined(url + _REFS, answer.headers.get("Location") or "")
    except (OSError, http.client.HTTPException) as error:
        raise ScmUnavailable(f"{url} gives no answer: {error}") from None


def followed(url: str, redirect: str, rules: ScmRules) -> str | None:
    """Give the repository that a redirect leads to; None where it is not one to be followed."""
    origin, target = location_of(url), location_of(redirect.removesuffix(_REFS))
    if target is None or origin is None or not redirect.endswith(_REFS) or target.scheme not in _FOLLOWED:
        return None
    return str(target) if is_same(origin, target) or is_allowed(target, rules) else None


def is_same(origin: Location, target: Location) -> bool:
    """Tell whether a redirect leads to the same repository: over https, or by its name with `.git`."""
    same_path = target.path.removesuffix(".git") == origin.path.removesuffix(".git")
    safe = target.scheme in {origin.scheme, "https"}
    return safe and same_path and target.authority == origin.authority


def _joined(url: str, location: str) -> str:
    """Complete a relative address; one that is none is left as it is."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location
