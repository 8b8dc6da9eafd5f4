"""Where sources come from: whether the git servers that the settings name answer this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mbs.cli.doctor.finding import Finding, right, unseen, wrong
from mbs.model.errors import ScmUnavailable
from mbs.scm.git import Git, GitRefused, GitSettings
from mbs.scm.url import location_of
from mbs.settings import Settings

REPOSITORIES = ("rpms_default_repository", "modules_default_repository")
_NO_REPOSITORY = re.compile(r"not found|repository|redirects|authentication|username|returned error: 4", re.IGNORECASE)
TIMEOUT = 10.0
"""Seconds for a git server."""


@dataclass(frozen=True, slots=True)
class Source:
    """A prefix of repositories."""

    url: str
    settings: tuple[str, ...]
    """The settings that name it."""
    away: str = ""
    """Why nothing can be read there; empty where something answers."""


def named(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Give the prefixes of the settings that components and modules are read from, with the names of those settings."""
    found: dict[str, tuple[str, ...]] = {}
    for name, urls in (("scmurls", settings.scmurls), *((name, (getattr(settings, name),)) for name in REPOSITORIES)):
        for url in urls:
            found[url] = (*found.get(url, ()), name)
    return found


def look(settings: Settings) -> tuple[Source, ...]:
    """Ask every place once, all at the same time."""
    git = replace(settings.git, timeout=TIMEOUT, attempts=1)
    wanted = named(settings)
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda url: _away(url, git), wanted)
        return tuple(Source(url, names, away) for (url, names), away in zip(wanted.items(), answers, strict=True))


def judge(sources: Iterable[Source]) -> Iterator[Finding]:
    """Say which places answer; one of several that modules may come from may be away."""
    every = tuple(sources)
    modules_from = [source for source in every if "scmurls" in source.settings and not source.away]
    for source in every:
        names = ", ".join(source.settings)
        if not source.away:
            yield right(f"{source.url} answers ({names})")
        elif source.settings == ("scmurls",) and modules_from:
            yield unseen(f"{source.url} ({names}): {source.away}; no module can be submitted from there today")
        else:
            yield wrong(f"{source.url} ({names}): {source.away}", _remedy(source))


def _remedy(source: Source) -> str:
    if source.url.startswith("file:"):
        return f"the setting {source.settings[0]}; the repositories of the examples are made by: devhub examples"
    return f"git ls-remote {source.url}REPOSITORY, on this machine; the setting {source.settings[0]}"


def _away(url: str, git: GitSettings) -> str:
    """Ask for the prefix itself, which is no repository: a server that says so is there."""
    place = location_of(url)
    if place is None:
        return "is no URL that git could be told"
    if place.scheme == "file":
        return "" if Path(place.path).is_dir() else f"there is no directory {place.path}"
    try:
        Git(git, origin=str(place)).remote("ls-remote", "--", str(place))
    except ScmUnavailable as away:
        return str(away)
    except GitRefused as refused:
        return "" if _NO_REPOSITORY.search(str(refused)) else str(refused)
    return ""
