"""What the registry answers: frozen rows, free of SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire
from mbs.model.states import ComponentState, ModuleState
from mbs.registry import models

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ModuleBuildRow:
    """A module build, without its long texts (`Documents`)."""

    id: int
    nsvc: NSVC
    state: ModuleState
    state_reason: str | None
    owner: str
    scratch: bool
    rebuild_strategy: str
    scmurl: str | None
    branch: str | None
    commit: str
    koji_tag: str | None
    srpms: tuple[str, ...]
    arches: tuple[str, ...]
    virtual_streams: tuple[str, ...]
    stream_version: float | None
    buildrequires: Mapping[str, BuildRequire]
    """What it was built against, by name."""
    build_context: str | None
    build_context_no_bms: str | None
    runtime_context: str | None
    reuse_from_id: int | None
    plan_digest: str | None
    """SHA-256 of its plan; None for what was imported."""
    time_submitted: datetime
    time_modified: datetime
    time_completed: datetime | None
    time_restarted: datetime | None = None
    """When it was asked for again, last; its DAG has a run of that time."""
    has_new_tags: bool = False
    """Koji had none of its tags when it began, so that it has nothing that the registry does not know."""
    repo_id: int | None = None
    """The newest repository that a gate has waited for: the next builds are built on it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What the task of one arch has followed in Koji, last."""

    task_id: int
    """The build of the component."""
    round: int
    """The first in which the task followed it (`mbs.steps.tasks.Task.round`)."""
    run_started: float | None = None
    """When the run of that task had started last (`mbs.steps.tasks.Task.run_started`); rounds of others say nothing."""
    arch_task_id: int | None = None
    """The task that builds this arch, as soon as Koji has made it."""

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Read what is stored."""
        return cls(**stored)

    def stored(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """A component of a module build."""

    id: int
    build_id: int
    name: str
    source: str
    ref: str | None
    batch: int
    """From 1; 0 is module-build-macros."""
    weight: float
    arches: tuple[str, ...]
    buildonly: bool
    build_time_only: bool
    content_id: str
    state: ComponentState | None
    """None: not submitted yet."""
    reason: str | None
    attempt: int
    """How often a submission to Koji was intended."""
    intent_time: datetime | None
    task_id: int | None
    koji_build_id: int | None
    nvr: str | None
    tagged: bool
    tagged_in_final: bool
    reused_from: int | None
    """Id of the component (of an earlier module build) whose result was taken."""
    claimed_by: str | None = None
    """Who makes the submission that is intended, or looks for it in Koji."""
    claimed_at: datetime | None = None
    followed: Mapping[str, Followed] = field(default_factory=dict, compare=False)
    """By arch, what its task has followed."""

    @property
    def intent(self) -> bool:
        """Whether a submission was about to be made and its outcome is not recorded: look in Koji first."""
        return self.intent_time is not None

    def is_built_for(self, arch: str) -> bool:
        """Tell whether the task of an arch follows what is being built."""
        followed = self.followed.get(arch)
        return self.state is ComponentState.BUILDING and followed is not None and followed.task_id == self.task_id


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One change of state of a module build or of a component."""

    time: datetime
    state: ModuleState | ComponentState | None
    reason: str | None
    by: str | None = None
    """Of module builds: the user, or the task that did it."""
    origin: str | None = None
    """Of module builds: how it is known who the user was, and from where (`mbs.model.users.User.origin`)."""
    task_id: int | None = None
    """Of components: the Koji task at that time."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A note for people about a module build (or one of its components)."""

    id: int
    component_id: int | None
    time: datetime
    message: str


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A final document of a module build."""

    name: str
    """The module, or its -devel twin."""
    arch: str
    """The Koji arch; `noarch` for the document without artifacts."""
    text: str


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """A module build that has a DAG now; `token` changes exactly when its plan does, or it is to run again."""

    build_id: int
    nsvc: NSVC
    state: ModuleState
    token: str
    time_modified: datetime
    time_restarted: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The texts of a module build that its DAG file is made of."""

    build_id: int
    nsvc: NSVC
    plan: str
    """Canonical JSON (`mbs.model.plan.from_json`)."""
    modulemd: str
    time_submitted: datetime
    time_restarted: datetime | None = None
    """When it was asked for again, last; None if it never was."""


@dataclass(frozen=True, slots=True)
class BaseModuleFilter:
    """Which base module something was built against; None does not filter. Bounds are inclusive."""

    name: str | None = None
    stream: str | None = None
    version: int | None = None
    context: str | None = None
    stream_version: float | None = None
    stream_version_lte: float | None = None
    stream_version_gte: float | None = None


@dataclass(frozen=True, slots=True)
class BuildFilter:
    """Which module builds to list; None does not filter. Bounds of times are inclusive (MBS §3.3)."""

    name: str | None = None
    stream: str | None = None
    version: int | None = None
    context: str | None = None
    states: tuple[ModuleState, ...] = ()
    owner: str | None = None
    scratch: bool | None = None
    koji_tags: tuple[str, ...] = ()
    cg_build_koji_tag: str | None = None
    rebuild_strategy: str | None = None
    scmurl: str | None = None
    build_context: str | None = None
    build_context_no_bms: str | None = None
    runtime_context: str | None = None
    reuse_from_id: int | None = None
    batch: int | None = None
    """The last that any component was submitted of; -1: none was."""
    state_reason: str | None = None
    srpms: tuple[str, ...] | None = None
    modulemd: str | None = None
    virtual_streams: tuple[str, ...] = ()
    """At least one of them."""
    stream_version: float | None = None
    stream_version_lte: float | None = None
    """Of base modules: at most this, and of the same major release."""
    base_module: BaseModuleFilter | None = None
    """Built against a registered base module like this."""
    submitted_after: datetime | None = None
    submitted_before: datetime | None = None
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    completed_after: datetime | None = None
    completed_before: datetime | None = None
    impossible: bool = False
    """Nothing can pass: what is asked for is no value of its column."""


@dataclass(frozen=True, slots=True)
class ComponentFilter:
    """Which components to list; None does not filter."""

    build_id: int | None = None
    name: str | None = None
    source: str | None = None
    states: tuple[ComponentState | None, ...] = ()
    state_reason: str | None = None
    task_id: int | None = None
    nvr: str | None = None
    ref: str | None = None
    batch: int | None = None
    weight: float | None = None
    tagged: bool | None = None
    tagged_in_final: bool | None = None
    build_time_only: bool | None = None
    buildonly: bool | None = None
    reused_from_id: int | None = None
    impossible: bool = False
    """Nothing can pass: what is asked for is no value of its column."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: `number` counts from 1."""

    number: int = 1
    size: int = 10
    order_by: tuple[tuple[str, bool], ...] = (("id", True),)
    """Columns and whether each is descending."""
    after: int | None = None
    """Go on after the item with this id, in an order by id alone, whatever the number. Nothing is counted: the total is
    one more than there is on the page where something follows."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a component's build ended, for `Components.finish`."""

    state: ComponentState
    nvr: str | None = None
    reason: str | None = None
    task_id: int | None = None
    koji_build_id: int | None = None
    reused_from: int | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    build: ModuleBuildRow
    updated: bool
    """Whether the NSVC was registered before."""

    @property
    def messages(self) -> tuple[str, ...]:
        """Say it as MBS does (§3.13)."""
        done = f"Module {self.build.nsvc} imported"
        return (f"Updating existing module build {self.build.nsvc}.", done) if self.updated else (done,)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """One page of rows and how many there are in all."""

    items: tuple[Row, ...] = ()
    total: int = 0


def nsvc_of(build: models.ModuleBuild) -> NSVC:
    """Give the identity of a stored build."""
    return NSVC(build.name, build.stream, build.version, build.context)


def module_build_row(build: models.ModuleBuild) -> ModuleBuildRow:
    """Copy a stored build."""
    return ModuleBuildRow(
        id=build.id,
        nsvc=nsvc_of(build),
        state=build.state,
        state_reason=build.state_reason,
        owner=build.owner,
        scratch=build.scratch,
        rebuild_strategy=build.rebuild_strategy,
        scmurl=build.scmurl,
        branch=build.branch,
        commit=build.commit,
        koji_tag=build.koji_tag,
        srpms=tuple(build.srpms),
        arches=tuple(build.arches),
        virtual_streams=tuple(build.virtual_streams),
        stream_version=build.stream_version,
        buildrequires={name: BuildRequire.read(name, entry) for name, entry in build.buildrequires.items()},
        build_context=build.build_context,
        build_context_no_bms=build.build_context_no_bms,
        runtime_context=build.runtime_context,
        reuse_from_id=build.reuse_from_id,
        plan_digest=build.plan_digest,
        time_submitted=build.time_submitted,
        time_modified=build.time_modified,
        time_completed=build.time_completed,
        time_restarted=build.time_restarted,
        has_new_tags=build.has_new_tags,
        repo_id=build.repo_id,
    )


def component_row(component: models.ComponentBuild) -> ComponentRow:
    """Copy a stored component."""
    return ComponentRow(
        id=component.id,
        build_id=component.build_id,
        name=component.name,
        source=component.source,
        ref=component.ref,
        batch=component.batch,
        weight=component.weight,
        arches=tuple(component.arches),
        buildonly=component.buildonly,
        build_time_only=component.build_time_only,
        content_id=component.content_id,
        state=component.state,
        reason=component.state_reason,
        attempt=component.attempt,
        intent_time=component.intent_time,
        task_id=component.task_id,
        koji_build_id=component.koji_build_id,
        nvr=component.nvr,
        tagged=component.tagged,
        tagged_in_final=component.tagged_in_final,
        reused_from=component.reused_from_id,
        claimed_by=component.claimed_by,
        claimed_at=component.claimed_at,
        followed={arch: Followed.read(stored) for arch, stored in component.followed.items()},
    )
