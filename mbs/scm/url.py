"""SCM URLs: read strictly, and compared with the allowed prefixes part by part.

A URL is `scheme://host/path?module-path#revision` (§3.11). What could make git, a proxy and a reader see three
different places is not accepted at all: user names, percent-encoding, `.` and `..`, backslashes, control characters.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mbs.model.errors import InvalidRequest, NotAuthorized, Unprocessable
from mbs.model.quoting import quoted

SCHEMES = frozenset({"git", "http", "https", "file"})
"""MBS also lists git+rsync; git has not spoken rsync since 2.8."""

LONGEST_URL = 2048
LONGEST_REF = 255
LONGEST_SHOWN = 200
"""Characters of a URL in a message, which says more than the URL."""

_LOCATION = re.compile(
    r"(?:git\+(?=https?:))?(?P<scheme>[a-z]+)://"
    r"(?P<host>(?:[A-Za-z0-9][A-Za-z0-9.-]*)?|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?"
    r"(?P<path>(?:/[A-Za-z0-9._~+=,@:-]+)*/?)"
)
_MODULE_PATH = re.compile(r"[A-Za-z0-9._+-]+(?:/[A-Za-z0-9._+-]+)*")
_FULL_HASH = re.compile(r"[0-9a-fA-F]{40}")
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")


@dataclass(frozen=True, slots=True)
class Location:
    """A repository's place, taken apart."""

    scheme: str
    """Of what git is told: `git+https` is `https` here."""
    authority: str
    """Host in lower case and port; empty for `file`."""
    path: str
    """With its leading slash, without a trailing one."""

    def __str__(self) -> str:
        """Give the URL that git is told."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def name(self) -> str:
        """The last segment without `.git`: the name of the module or component."""
        return self.path.rpartition("/")[2].removesuffix(".git")

    def is_below(self, prefix: Location) -> bool:
        """Tell whether this is `prefix` or lies under it; a prefix without host and path takes the whole scheme."""
        if self.scheme != prefix.scheme:
            return False
        if not prefix.authority and not prefix.path:
            return True
        same_host = self.authority == prefix.authority
        return same_host and (self.path == prefix.path or self.path.startswith(f"{prefix.path}/"))


@dataclass(frozen=True, slots=True)
class ScmUrl:
    """A submitted SCM URL that is well formed."""

    location: Location
    module_path: str
    """Directory of the modulemd inside the repository; empty for its root."""
    revision: str

    @property
    def repository(self) -> str:
        """The URL that git is told."""
        return str(self.location)

    @property
    def name(self) -> str:
        """The repository's name, from which the modulemd's file name is made."""
        return self.location.name

    @property
    def modulemd_path(self) -> str:
        """Path of the modulemd inside the repository."""
        return f"{self.module_path}/{self.name}.yaml".lstrip("/")


@dataclass(frozen=True, slots=True)
class ScmRules:
    """Which SCM URLs users may submit (MBS: `scmurls`, `allow_custom_scmurls`)."""

    prefixes: tuple[str, ...] = ("https://src.fedoraproject.org/modules/",)
    allow_custom: bool = False
    allow_local: bool = False
    """Whether `file://` is accepted; also under an allowed prefix it needs this."""


def submitted_url(text: str, rules: ScmRules) -> ScmUrl:
    """Read the `scmurl` of a request.

    Raises `NotAuthorized` where it is not allowed, `InvalidRequest` where it is malformed.
    """
    location = location_of(re.split(r"[?#]", text, maxsplit=1)[0])
    if not is_allowed(location, rules):
        raise NotAuthorized(f"The submitted scmurl {shown(text)} is not allowed")
    match = re.fullmatch(r"[^?#]+(?:\?(?P<path>[^#?]*))?#(?P<revision>.+)", text)
    if location is None or match is None or not location.name:
        raise _malformed(text)
    path = (match["path"] or "").rstrip("/")
    if (path and not _is_module_path(path)) or not is_ref(match["revision"]):
        raise _malformed(text)
    return ScmUrl(location, path, match["revision"])


def location_of(text: str) -> Location | None:
    """Take a repository URL apart; None where it is not one that is accepted anywhere."""
    match = _LOCATION.fullmatch(text)
    if match is None or match["scheme"] not in SCHEMES or len(text) > LONGEST_URL:
        return None
    path = match["path"].rstrip("/")
    if any(segment in {".", ".."} or segment.startswith("-") for segment in path.split("/")):
        return None
    return _with_authority(match["scheme"], match["host"].lower(), match["port"] or "", path)


def is_allowed(location: Location | None, rules: ScmRules) -> bool:
    """Tell whether the rules let a repository be read at a place; None is one that is not well formed."""
    if location is not None and location.scheme == "file" and not rules.allow_local:
        return False
    return rules.allow_custom or (location is not None and _is_below_any(location, rules.prefixes))


def repository_url(text: str) -> str:
    """Check the repository URL of a component or an included module and give what git is told (422 otherwise)."""
    location = location_of(text)
    if location is None or not location.path:
        raise Unprocessable(
            f"The repository '{shown(text)}' is not a URL that can be used. Give scheme://host/path with one of the "
            f"schemes {', '.join(sorted(SCHEMES))}, without a user name, percent-encoding or '..'"
        )
    return str(location)


def is_ref(text: str) -> bool:
    """Tell whether git could have a ref or hash of that name (git-check-ref-format) that is no option of its own."""
    if not 0 < len(text) <= LONGEST_REF or text.startswith(("-", "/", ".")) or text.endswith(("/", ".")):
        return False
    return text != "@" and text.isprintable() and _FORBIDDEN_IN_REF.search(text) is None


def full_hash(text: str) -> str | None:
    """Give a whole hash as git writes it, in lower case; None for anything else."""
    return text.lower() if _FULL_HASH.fullmatch(text) else None


def _with_authority(scheme: str, host: str, port: str, path: str) -> Location | None:
    """Join host and port; None where a host is missing, or where a local file has one."""
    if scheme != "file":
        return Location(scheme, host + port, path) if host or not (port or path) else None
    return Location(scheme, "", path) if host in {"", "localhost"} and not port else None


def _is_below_any(location: Location, prefixes: Collection[str]) -> bool:
    allowed = (location_of(prefix) for prefix in prefixes)
    return any(prefix is not None and location.is_below(prefix) for prefix in allowed)


def _is_module_path(path: str) -> bool:
    return _MODULE_PATH.fullmatch(path) is not None and not {".", ".."} & set(path.split("/"))


def _malformed(text: str) -> InvalidRequest:
    expected = "Expected format is '<url>?[module-path]#[revision]'"
    schemes = f"with one of the schemes {', '.join(sorted(SCHEMES))}"
    return InvalidRequest(f"The submitted scmurl {shown(text)} is not valid.  {expected}, {schemes}")


def shown(text: str) -> str:
    """Give a URL as a message may hold it: without a password, on one line whatever is in it, and not too long."""
    return quoted(re.sub(r"//[^/]*@", "//***@", text), LONGEST_SHOWN)
