"""The BuildPlan: everything the DAG of a module build needs, as frozen, JSON-able data.

A plan is made once, at submission, and stored in the registry; parsing a DAG only reads it. Everything in it
is a decision; what only Koji knows when a task runs (task ids, repository ids) is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mbs.model.errors import UnreadablePlan
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire

FORMAT_VERSION = 2
"""Raised when a stored plan could be misread by older code. In format 1 a priority was the seconds alone."""

RANKS = 1000
"""Places that components have among each other which hold up the same."""

LONGEST = (2**31 - 1) // RANKS - 1
"""Seconds of a chain whose priority still fits Airflow's 32 bits, 24 days of building."""


class Strategy(StrEnum):
    """How much of a module is built again (MBS §3.10)."""

    ALL = "all"
    """Everything."""
    CHANGED_AND_AFTER = "changed-and-after"
    """What changed, and all that is built after it."""
    ONLY_CHANGED = "only-changed"
    """What changed."""


class PlannedDependency(BuildRequire, frozen=True):
    """A module build that this one is built against; in the order of its tag's inheritance."""

    base: bool = False
    """Whether it is a base module (platform)."""
    priority: int = 0
    """Koji inheritance priority of its tag in the build tag; 10, 20, ... (§12.3)."""
    rpm_filter: tuple[str, ...] | None = None
    """Names of the RPMs that it filters, those of its `buildonly` components included; a plan of format 1 does not
    say."""


class PlannedGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """A Koji build group (`build`, `srpm-build`) and the packages it installs, sorted."""

    name: str
    packages: tuple[str, ...]


class PlannedComponent(Struct, frozen=True, forbid_unknown_fields=True):
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
    """`priority_weight` of its tasks: seconds of the longest chain that it holds up, itself included, and in the last
    three digits its place among those that hold up the same."""
    content_id: str = ""
    """Hash over what makes its result: equal ids, equal work (reuse)."""
    included_from: str | None = None
    """The included module (stack) that brought it, `name:ref`."""


@dataclass(frozen=True, slots=True)
class PlannedGate:
    """A repository that has the builds of some components, and that others are built on.

    Every component is in the repository of one gate.
    """

    batch: int
    """Of its components, the last one; 0 at the macros'."""
    components: tuple[str, ...]
    """Whose builds it lets in; none at the macros'."""
    before: tuple[str, ...]
    """What is built right behind it; nothing at the last."""
    of_component: bool = False
    """Whether it is behind one component that others name in `buildafter`, and not behind a batch."""


def in_batches(components: Iterable[PlannedComponent]) -> bool:
    """Tell whether batches order the build; else each component waits for those that its `after` names."""
    return not any(component.after for component in components)


def gates(components: Sequence[PlannedComponent]) -> tuple[PlannedGate, ...]:
    """Give the gates of components that are sorted by batch, as `BuildPlan.gates`; none without components."""
    if not components:
        return ()
    return tuple(_behind_batches(components) if in_batches(components) else _behind_components(components))


def _behind_batches(components: Sequence[PlannedComponent]) -> Iterator[PlannedGate]:
    """Everything of a batch waits for everything of the one before."""
    batches = [
        (batch, tuple(one.name for one in members)) for batch, members in groupby(components, lambda one: one.batch)
    ]
    for (batch, names), (_, following) in zip([(0, ()), *batches], [*batches, (0, ())], strict=True):
        yield PlannedGate(batch, names, following)


def _behind_components(components: Sequence[PlannedComponent]) -> Iterator[PlannedGate]:
    """Each component waits for those that it names, or for the macros; the end waits for all that nobody names."""
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for component in components:
        for name in component.after or ("",):
            waiting[name].append(component.name)
    yield PlannedGate(0, (), tuple(waiting[""]))
    for component in components:
        if component.name in waiting:
            yield PlannedGate(component.batch, (component.name,), tuple(waiting[component.name]), of_component=True)
    yield PlannedGate(components[-1].batch, tuple(one.name for one in components if one.name not in waiting), ())


def ranked(components: Iterable[PlannedComponent], chains: Mapping[str, int]) -> tuple[PlannedComponent, ...]:
    """Give every component a priority that no other has; `chains` are the seconds that each holds up, by name.

    The scheduler then fills the pool component by component: only one can be in Koji with an arch beyond the pool.
    """
    return tuple(
        replace(component, priority=min(chains[component.name], LONGEST) * RANKS + RANKS - 1 - place % RANKS)
        for place, component in enumerate(components)
    )


class PlannedMacros(Struct, frozen=True, forbid_unknown_fields=True):
    """The module-build-macros package: pure text; conflicts are added when the SRPM is built."""

    macros: str
    """Content of /etc/rpm/macros.zz-modules."""
    target: str | None = None
    """Koji target to build it in; None is the module's own."""


class Publication(Struct, frozen=True, forbid_unknown_fields=True):
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


class BuildPlan(Struct, frozen=True, forbid_unknown_fields=True):
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

    @property
    def gates(self) -> tuple[PlannedGate, ...]:
        """All gates, that of the macros first, each behind those that its components wait for."""
        return gates(self.components)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the registry has to know of a build to give it an id."""

    nsvc: NSVC
    scratch: bool = False
    rebuild_strategy: str = "changed-and-after"


@dataclass(frozen=True, slots=True)
class Allocation:
    """What only the registry can say about a new build; a plan's names are made from it (MBS §12.1)."""

    build_id: int
    first_sibling_id: int
    """The smallest id among this build and its siblings: the index in the dist."""
    nsvc: NSVC
    """The final identity: a scratch build's context has got its number (MBS §7.5)."""


@dataclass(frozen=True, slots=True)
class NewBuild:
    """One context of a submission, its plan named after its allocation."""

    plan: BuildPlan
    build_context: str | None = None
    build_context_no_bms: str | None = None
    runtime_context: str | None = None
    commit: str = ""
    srpms: tuple[str, ...] = ()
    reuse_from_id: int | None = None


class _Format(Struct):
    """What is looked at before a plan is read."""

    format_version: object = None


_ENCODER = msgspec.json.Encoder(order="sorted")
_FORMAT = msgspec.json.Decoder(_Format)
_DECODER = msgspec.json.Decoder(BuildPlan)


def to_json(plan: BuildPlan) -> str:
    """Give the plan as canonical JSON: equal plans have the same bytes, whatever the process or its hash seed."""
    return _ENCODER.encode(plan).decode()


def from_json(text: str, *, build: object = None) -> BuildPlan:
    """Read a plan; raise UnreadablePlan, naming the `build` it belongs to, where it is damaged or of another format."""
    try:
        found = _FORMAT.decode(text).format_version
        if found in (1, FORMAT_VERSION):
            return _current(_DECODER.decode(text))
        why = f"its format is {found}, this service reads format {FORMAT_VERSION}"
    except (ValueError, RecursionError) as error:
        why = str(error)
    whose = "" if build is None else f" of module build {build}"
    msg = f"The plan{whose} cannot be read: {why}. Submit the module again to have it planned anew."
    raise UnreadablePlan(msg)


def _current(plan: BuildPlan) -> BuildPlan:
    """Bring a plan of an older format up to this one."""
    if plan.format_version == FORMAT_VERSION:
        return plan
    components = ranked(plan.components, {one.name: one.priority for one in plan.components})
    return replace(plan, components=components, format_version=FORMAT_VERSION)
