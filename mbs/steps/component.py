"""A component is submitted exactly once: the first task to come submits, the others attach.

The registry holds the component's lock and what was decided; the intention is recorded before Koji is called, so that
whoever comes after a crash looks for the build in Koji before making another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from mbs.koji.builds import builds_of_tasks, find_build, find_task, submit
from mbs.koji.session import Hub
from mbs.koji.snapshot import TaskSnapshot, see
from mbs.koji.tasks import UNSUCCESSFUL, TaskInfo, TaskState
from mbs.model.errors import HubRefused
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.registry.components import LockedComponent

_BADLY_ENDED = frozenset({ComponentState.FAILED, ComponentState.CANCELED, ComponentState.DELETED})


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to submit for a component."""

    plan: BuildPlan
    package: str
    source: str
    target: str
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Submitted:
    """Where a component stands: its Koji task; none for a finished build that no task made (imported, reused)."""

    task: TaskSnapshot | None
    nvr: str | None = None
    message: str = ""
    """What was done just now, for the log."""


def ensure_submitted(
    hub: Hub,
    component: LockedComponent,
    request: Callable[[], BuildRequest],
    *,
    may_replace: Callable[[TaskInfo], bool],
    known_tasks: Callable[[], Collection[int]],
) -> Submitted:
    """Attach to the component's build, adopt one that nobody recorded, or submit one.

    `request` makes what to submit, if it comes to that; `may_replace` says whether an unsuccessful build may have a
    successor (mbs.koji.tasks); `known_tasks` gives the Koji tasks that were recorded for the component at any time.
    Raises HubUnavailable, HubRefused.
    """
    row = component.row
    if row.state is ComponentState.COMPLETE and (row.reused_from is not None or row.task_id is None):
        return Submitted(None, row.nvr, row.reason or f"{row.nvr} is there already.")
    if row.task_id is not None:
        seen = see(hub, row.task_id)
        if not may_replace(seen.task) or not _is_without_success(hub, seen.task):
            return _attached(component, seen)
        if row.state is ComponentState.COMPLETE:
            component.finished(ComponentState.DELETED, reason=f"Koji has no complete build of task {row.task_id}.")
    if row.state is not None:
        component.reset(f"Building again after Koji task {row.task_id}." if row.task_id else None)
    made = request()
    return _adopted(hub, component, made, known_tasks) or _submitted(hub, component, made)


def _is_without_success(hub: Hub, task: TaskInfo) -> bool:
    """Tell whether a task has failed, was canceled, or built what someone has deleted since."""
    if task.state is not TaskState.CLOSED:
        return task.state in UNSUCCESSFUL
    build = builds_of_tasks(hub, [task.id]).get(task.id)
    return build is None or not build.is_complete


def _attached(component: LockedComponent, seen: TaskSnapshot) -> Submitted:
    """Follow what Koji has; where the record says that it ended badly and it did not, the record is mended."""
    row = component.row
    if row.state in _BADLY_ENDED and seen.task.state not in UNSUCCESSFUL:
        component.resumed()
    return Submitted(seen, row.nvr, f"Attached to Koji task {seen.task.id}.")


def _adopted(
    hub: Hub, component: LockedComponent, request: BuildRequest, known_tasks: Callable[[], Collection[int]]
) -> Submitted | None:
    """Take what a crash, or a lost registry, left in Koji (§14.4)."""
    build = find_build(hub, request.plan, request.package, request.source, request.target)
    if build is not None:
        component.finished(
            ComponentState.COMPLETE, build.nvr, "Found existing build", task_id=build.task_id, koji_build_id=build.id
        )
        task = see(hub, build.task_id) if build.task_id is not None else None
        return Submitted(task, build.nvr, f"Found the existing build {build.nvr}.")
    if component.row.intent_time is None:
        return None
    task_id = find_task(hub, request.source, request.target, component.row.intent_time, known_tasks())
    if task_id is None:
        return None
    component.submitted(task_id)
    return Submitted(see(hub, task_id), message=f"Adopted Koji task {task_id}, whose submission was not recorded.")


def _submitted(hub: Hub, component: LockedComponent, request: BuildRequest) -> Submitted:
    component.intend()
    try:
        task_id = submit(hub, request.plan, request.source, request.target, request.options)
    except HubRefused as refused:
        component.finished(ComponentState.FAILED, reason=str(refused))
        raise
    component.submitted(task_id)
    fresh = TaskInfo(id=task_id, method="build", state=TaskState.FREE)
    return Submitted(TaskSnapshot(fresh), message=f"Submitted {request.package} to Koji as task {task_id}.")
