"""The BuildPlan: everything the DAG of a module build needs, as frozen, JSON-able data.

A plan is made once, at submission, and stored in the registry; parsing a DAG only reads it. Everything in it
is a decision; what only Koji knows when a task runs (task ids, repository ids) is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mbs.model.errors import UnreadablePlan
from mbs.model.jsoncodec import Malformed, decode, encode
from mbs.model.nsvc import NSVC

FORMAT_VERSION = 1
"""Raised when a stored plan could be misread by older code."""


class Strategy(StrEnum):
    """How much of a module is built again (MBS §3.10)."""

    ALL = "all"
    """Everything."""
    CHANGED_AND_AFTER = "changed-and-after"
    """What changed, and all that is built after it."""
    ONLY_CHANGED = "only-changed"
    """What changed."""


@dataclass(frozen=True, slots=True)
class PlannedDependency:
    """A module that this one is built against, resolved; in the order of its tag's inheritance."""

    name: str
    stream: str
    version: int
    context: str
    koji_tag: str | None
    ref: str = ""
    base: bool = False
    """Whether it is a base module (platform)."""
    priority: int = 0
    """Koji inheritance priority of its tag in the build tag; 10, 20, ... (§12.3)."""

    @property
    def nsvc(self) -> NSVC:
        """The build that it is."""
        return NSVC(self.name, self.stream, self.version, self.context)


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A Koji build group (`build`, `srpm-build`) and the packages it installs, sorted."""

    name: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedComponent:
    """One package to rebuild."""

    name: str
    source: str
    """What Koji's `build` gets: `<repository>?#<commit>`, or the path of an uploaded SRPM (scratch)."""
    ref: str | None
    """The commit; None for an uploaded SRPM."""
    batch: int
    """From 1; the macros are batch 0."""
    after: tuple[str, ...] = ()
    """`buildafter`: components whose gate must have passed. Empty when batches order the build."""
    arches: tuple[str, ...] = ()
    """The arches it has a task for: the module's, less those the component leaves out."""
    arch_override: tuple[str, ...] = ()
    """Passed to Koji when the component builds for fewer arches than the module; else empty."""
    multilib: tuple[str, ...] = ()
    buildonly: bool = False
    buildroot: bool = False
    srpm_buildroot: bool = False
    weight: float = 0.0
    """Expected seconds of its Koji build."""
    priority: int = 1
    """`priority_weight` of its tasks: seconds of the longest chain that it holds up, itself included."""
    content_id: str = ""
    """Hash over what makes its result: equal ids, equal work (reuse)."""
    included_from: str | None = None
    """The included module (stack) that brought it, `name:ref`."""


@dataclass(frozen=True, slots=True)
class PlannedMacros:
    """The module-build-macros package: pure text; conflicts are added when the SRPM is built."""

    macros: str
    """Content of /etc/rpm/macros.zz-modules."""
    target: str | None = None
    """Koji target to build it in; None is the module's own."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What the finished module becomes in Koji."""

    version: str
    """Version of the Koji build: the stream with `-` as `_`."""
    release: str
    """`<version>.<context>`."""
    candidate_tags: tuple[str, ...] = ()
    """The first that exists in Koji is tagged; empty: the build is not tagged (scratch)."""
    devel: bool = True
    """Whether the -devel twin is imported too."""
    imported: bool = True
    """Whether it is imported into Koji at all; scratch builds are not."""
    needs_approval: bool = False
    """Whether a person has to approve before it is ready."""


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """One module build, compiled."""

    nsvc: NSVC
    build_id: int
    """Row of the registry; also part of scratch tags and of Koji metadata."""
    owner: str
    scmurl: str | None
    branch: str | None
    scratch: bool
    rebuild_strategy: str
    koji_tag: str
    build_tag: str
    target: str
    dist: str
    """RPM release suffix without the leading dot: `module+f28+2+814cfa39`."""
    arches: tuple[str, ...]
    tag_permission: str | None
    tag_extra: Mapping[str, str | int | bool]
    packages: tuple[str, ...]
    """Package list of both tags."""
    blocked_packages: tuple[str, ...]
    dependencies: tuple[PlannedDependency, ...]
    groups: tuple[PlannedGroup, ...]
    macros: PlannedMacros
    components: tuple[PlannedComponent, ...]
    """Sorted by batch, then heaviest first, then name."""
    publication: Publication
    modulemd: str
    """The expanded document with xmd.mbs, as YAML."""
    source_modulemd: str = ""
    """What the packager submitted, verbatim."""
    side_tag: str | None = None
    reuse_from: NSVC | None = None
    koji_priority: int = 10
    """Added to Koji's default priority of the build tasks."""
    format_version: int = FORMAT_VERSION


def to_json(plan: BuildPlan) -> str:
    """Give the plan as canonical JSON."""
    return encode(plan)


def from_json(text: str, *, build: object = None) -> BuildPlan:
    """Read a plan; raise UnreadablePlan, naming the `build` it belongs to, where it is damaged or of another format."""
    try:
        raw = json.loads(text)
        _check_version(raw)
        return decode(BuildPlan, raw)
    except (ValueError, RecursionError) as error:
        whose = "" if build is None else f" of module build {build}"
        msg = f"The plan{whose} cannot be read: {error}. Submit the module again to have it planned anew."
        raise UnreadablePlan(msg) from error


def _check_version(raw: object) -> None:
    found = raw.get("format_version") if isinstance(raw, dict) else None
    if found != FORMAT_VERSION:
        msg = f"its format is {found}, this service reads format {FORMAT_VERSION}"
        raise Malformed(msg)
