"""Builds into the tags of a module build: found and done in one multicall each, whatever their number, and proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mbs.koji.faults import KojiValue, accepted, raise_refused
from mbs.koji.session import Call, Hub, call
from mbs.koji.tags import fill_groups, package_groups
from mbs.model.errors import HubRefused
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan

ROUNDS = 3
"""Tag, see that it is done; and once more for those who race with us."""


@dataclass(frozen=True, slots=True)
class Tagging:
    """The builds, by component, that belong into the tags of a module build: those of a batch, or the macros."""

    plan: BuildPlan
    nvrs: Mapping[str, str]

    @property
    def by_tag(self) -> Mapping[str, tuple[str, ...]]:
        """The NVRs by tag: all in the build tag, and in the module's tag what is not needed at build time only."""
        ours = tuple(nvr for name, nvr in self.nvrs.items() if name != MACROS)
        return {self.plan.build_tag: tuple(self.nvrs.values()), self.plan.koji_tag: ours}

    @property
    def packages(self) -> frozenset[str]:
        """The packages that the builds are of."""
        return frozenset(map(package_of, self.nvrs.values()))

    @property
    def needs_lists(self) -> bool:
        """Tell whether the package lists matter: they were made of the plan's packages, some of them blocked."""
        return not self.packages <= {*self.plan.packages, MACROS}.difference(self.plan.blocked_packages)


@dataclass(frozen=True, slots=True)
class TagContents:
    """What there is in the tags of a module build, of them alone."""

    event: int
    """The last change of the build tag or of what it inherits, before the rest was looked at."""
    tagged: Mapping[str, frozenset[str]]
    """NVRs by tag; of a blocked package none."""
    latest: frozenset[str] = frozenset()
    """The NVRs that the build tag gives.

    Koji goes through a tag and its parents in order, and takes for each package what was tagged last in the first that
    has any (`readTaggedBuilds`): where a package has a build in the tag itself, parents say nothing.
    """
    packages: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """Own package lists by tag, where they were asked for: whether each package is blocked."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Packages by group of the build tag, where they were asked for."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a tagging came to."""

    event: int
    """A repository of this event of the hub, or of a later one, contains the builds."""
    new: Mapping[str, tuple[str, ...]]
    """NVRs that were not there before, by tag."""
    hidden: tuple[str, ...]
    """NVRs that the build tag does not give, for another build of their package was tagged later."""


def contents(hub: Hub, tagging: Tagging) -> TagContents:
    """Look at the tags, in one multicall. Raises HubRefused, HubUnavailable."""
    plan, tags = tagging.plan, list(tagging.by_tag)
    calls = [
        call("tagLastChangeEvent", plan.build_tag),
        *(call("listTagged", tag, inherit=False) for tag in tags),
        *(call("listPackages", tagID=tag) for tag in tags if tagging.needs_lists),
        *([call("getTagGroups", plan.build_tag)] if MACROS in tagging.nvrs else []),
    ]
    event, *answers = map(accepted, hub.multicall(calls))
    rest = iter(answers)
    listed = {tag: next(rest) for tag in tags}
    return TagContents(
        event,
        {tag: frozenset(row["nvr"] for row in rows) for tag, rows in listed.items()},
        _latest(listed[plan.build_tag]),
        {tag: _packages(next(rest)) for tag in tags} if tagging.needs_lists else {},
        package_groups(next(rest)) if MACROS in tagging.nvrs else {},
    )


def unlisted(tagging: Tagging, found: TagContents) -> list[tuple[str, str]]:
    """Give the builds whose package a tag does not take, as component and tag: their spec has another name."""
    known = {*tagging.plan.packages, MACROS}
    strange = [(name, package) for name, nvr in tagging.nvrs.items() if (package := package_of(nvr)) not in known]
    taken = {tag: {name for name, blocked in listed.items() if not blocked} for tag, listed in found.packages.items()}
    return [(name, tag) for name, package in strange for tag, names in taken.items() if package not in names]


def missing(tagging: Tagging, found: TagContents) -> tuple[Call, ...]:
    """Give the calls to be made. Packages that were blocked until now come first, else their builds are not seen."""
    return (*_unblock(tagging, found), *_install_macros(tagging, found), *_tag(tagging, found))


def ensure_tagged(hub: Hub, tagging: Tagging, found: TagContents) -> Tagged:
    """Do what is missing, and prove that it is done. Raises HubRefused, HubUnavailable."""
    before, tags = found, tagging.by_tag
    for _ in range(ROUNDS):
        steps = missing(tagging, found)
        if not steps:
            new = {tag: tuple(nvr for nvr in nvrs if nvr not in before.tagged[tag]) for tag, nvrs in tags.items()}
            return Tagged(found.event, new, tuple(nvr for nvr in tagging.nvrs.values() if nvr not in found.latest))
        raise_refused(hub.multicall(steps), races_pass=True)
        found = contents(hub, tagging)
    lost = [f"{nvr} in tag {tag}" for tag, nvrs in tags.items() for nvr in nvrs if nvr not in found.tagged[tag]]
    msg = f"Koji does not show {', '.join(lost) or 'a build'}: someone else untags it, or the package is blocked there"
    raise HubRefused(msg)


def package_of(nvr: str) -> str:
    """Give the package of a build, which need not be called as its component is: the name in its spec says."""
    return nvr.rsplit("-", 2)[0]


def _unblock(tagging: Tagging, found: TagContents) -> Iterator[Call]:
    """Let packages in whose own build is there now (§14.2)."""
    build_tag = tagging.plan.build_tag
    for package, blocked in found.packages.get(build_tag, {}).items():
        if blocked and package in tagging.packages.intersection(tagging.plan.blocked_packages):
            yield call("packageListUnblock", build_tag, package)


def _install_macros(tagging: Tagging, found: TagContents) -> Iterator[Call]:
    """Have the macros installed in every build root and SRPM build root (§14.2)."""
    return fill_groups(tagging.plan.build_tag, found.groups, MACROS) if MACROS in tagging.nvrs else iter(())


def _tag(tagging: Tagging, found: TagContents) -> Iterator[Call]:
    for tag, nvrs in tagging.by_tag.items():
        for nvr in nvrs:
            if nvr not in found.tagged[tag]:
                yield call("tagBuildBypass", tag, nvr)


def _latest(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Give the first build of every package: Koji lists what was tagged last first."""
    return frozenset({row["package_name"]: row["nvr"] for row in reversed(rows)}.values())


def _packages(rows: KojiValue) -> dict[str, bool]:
    return {row["package_name"]: bool(row["blocked"]) for row in rows}
