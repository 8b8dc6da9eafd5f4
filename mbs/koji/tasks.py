"""Koji tasks as values, and what a build task means for one arch. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self, TypeAlias

from mbs.model.naming import NOARCH

_BUILD_ARCH = "buildArch"
_MOMENTS = ("create_ts", "start_ts", "completion_ts")


class TaskState(IntEnum):
    """Koji's states of a task."""

    FREE = 0
    OPEN = 1
    CLOSED = 2
    CANCELED = 3
    ASSIGNED = 4
    FAILED = 5


UNFINISHED = frozenset({TaskState.FREE, TaskState.OPEN, TaskState.ASSIGNED})
UNSUCCESSFUL = frozenset({TaskState.CANCELED, TaskState.FAILED})


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """What `getTaskInfo` and `getTaskChildren` say of a task."""

    id: int
    method: str
    state: TaskState
    arch: str = NOARCH
    label: str | None = None
    host_id: int | None = None
    awaited: bool | None = None
    """None until the parent has made all of its children of this stage and waits for them."""
    completion_ts: float | None = None
    """Seconds since the epoch, by the hub's clock."""
    changed_ts: float = 0.0
    """When it was made, started or ended last, by the hub's clock."""

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Read one task of a hub's answer."""
        return cls(
            id=answer["id"],
            method=answer["method"],
            state=TaskState(answer["state"]),
            arch=answer["arch"],
            label=answer["label"],
            host_id=answer["host_id"],
            awaited=answer["awaited"],
            completion_ts=answer["completion_ts"],
            changed_ts=max(answer.get(moment) or 0.0 for moment in _MOMENTS),
        )

    @property
    def ended(self) -> bool:
        """Whether the task will not change any more."""
        return self.state not in UNFINISHED


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is decided yet; `task` is what is being waited for: the arch's child once there is one."""

    task: TaskInfo


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The arch is built."""

    task: TaskInfo


@dataclass(frozen=True, slots=True)
class Skipped:
    """The package is not built for the arch (ExclusiveArch, ExcludeArch)."""

    arch: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The build ended without success; `task` is the one to look at: the child that failed, or the build itself."""

    task: TaskInfo


Outcome: TypeAlias = Waiting | Succeeded | Skipped | Failed


def follow(build: TaskInfo, children: Sequence[TaskInfo], arch: str) -> Outcome:
    """Say how far the build is for one arch.

    An arch that is done is done, whatever becomes of its siblings. An arch without a child is skipped as soon as
    Koji has made all of the `buildArch` children (it then waits for them), or when the build is complete. Of a build
    followed as `noarch` that turns out to have arches, all must be done.
    """
    mine = child_for(children, arch)
    if mine is not None and mine.state is TaskState.CLOSED:
        return Succeeded(mine)
    if build.state in UNSUCCESSFUL or (mine is not None and mine.state in UNSUCCESSFUL):
        return Failed(culprit(build, children, arch))
    if mine is None and arch == NOARCH and build.state is TaskState.CLOSED:
        return Succeeded(build)
    if mine is None and arch != NOARCH and (build.state is TaskState.CLOSED or _all_made(children)):
        return Skipped(arch)
    return Waiting(mine or _running(children) or build)


def follow_through(build: TaskInfo, children: Sequence[TaskInfo], arch: str, *, whole: bool = False) -> Outcome:
    """Say how far the build is for a task that follows one arch, so that some task always sees the build's own end.

    The last arch that is done waits for what Koji does then: the import of the RPMs, which may fail too. With `whole`
    an arch waits for the others as well: their tasks may have ended with an earlier build and do not follow this one.
    """
    found = follow(build, children, arch)
    if isinstance(found, Waiting | Failed) or build.state is TaskState.CLOSED:
        return found
    arches = [child for child in children if child.method == _BUILD_ARCH]
    if build.state in UNSUCCESSFUL:
        explained = any(child.state in UNSUCCESSFUL for child in arches)
        return found if explained and not whole else Failed(culprit(build, children, arch))
    others = any(not child.ended for child in arches)
    return found if others and not whole else Waiting(build)


def culprit(build: TaskInfo, children: Sequence[TaskInfo], arch: str | None = None) -> TaskInfo:
    """Give the child that tells why a build failed: one that failed, of this arch if possible; else the build.

    Koji cancels the siblings of a child that failed, so a canceled child says nothing.
    """
    failed = [child for child in children if child.state is TaskState.FAILED]
    return next((child for child in failed if child.label == arch), failed[0] if failed else build)


def child_for(children: Iterable[TaskInfo], arch: str) -> TaskInfo | None:
    """Give the child of a build that builds an arch: its own, or the one of a package without arches."""
    by_label = {child.label or child.arch: child for child in children if child.method == _BUILD_ARCH}
    return by_label.get(arch) or by_label.get(NOARCH)


def _all_made(children: Iterable[TaskInfo]) -> bool:
    return any(child.method == _BUILD_ARCH and child.awaited is not None for child in children)


def _running(children: Iterable[TaskInfo]) -> TaskInfo | None:
    return next((child for child in children if child.state is TaskState.OPEN), None)
