"""The git servers of one submission that do not answer: each is found out once, and not asked again."""

from __future__ import annotations

from mbs.errors import ScmAway
from mbs.scm.url import location_of


class Hosts:
    """Remembers which hosts were given up, whatever repository of theirs was asked for. Shared by threads."""

    def __init__(self) -> None:
        """Trust all of them."""
        self._given_up: dict[str, str] = {}

    def check(self, repository: str) -> None:
        """Raise ScmAway where the host of a repository was given up, with what was said then."""
        said = self._given_up.get(host_of(repository))
        if said is not None:
            raise ScmAway(said)

    def give_up(self, repository: str, error: ScmAway) -> None:
        """Ask the host of a repository no more."""
        self._given_up.setdefault(host_of(repository), str(error))


def host_of(repository: str) -> str:
    """Give host and port; local repositories stand each for itself."""
    location = location_of(repository)
    return location.authority if location and location.authority else repository
