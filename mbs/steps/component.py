"""The build of a component in Koji, which several tasks follow, one for each arch.

It is submitted exactly once: the first task to come submits, the others attach. The registry holds the component's lock
and what was decided; the intention is recorded before Koji is called, so that whoever comes after a crash looks for the
build in Koji before making another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mbs.koji.builds import build_options, builds_of_tasks, find_build, find_task, submit
from mbs.koji.logs import FailureReport, report_failure
from mbs.koji.session import Hub
from mbs.koji.snapshot import TaskSnapshot, task_snapshot
from mbs.koji.tasks import UNSUCCESSFUL, Failed, Outcome, Skipped, TaskInfo, TaskState, Waiting, follow_through
from mbs.model.errors import BuildFailed, HubRefused
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.registry import Registry
from mbs.registry.components import LockedComponent
from mbs.registry.rows import Finished
from mbs.steps import AwaitBuild, Done, Log, NotBuilt
from mbs.steps.ending import cancel_build, ending, endings, record

_BADLY_ENDED = frozenset({ComponentState.FAILED, ComponentState.CANCELED, ComponentState.DELETED})

Memory: TypeAlias = dict[str, int]
"""Koji task id (as text, for JSON) to the first round in which a task followed it."""

End: TypeAlias = Finished | None
"""How a build ended; None while Koji works on it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a task of Airflow knows of itself."""

    round: int
    """`max_tries - retries`: Airflow raises it at every clear and at nothing else."""
    run_started: float | None
    """Seconds since the epoch: when the run started last."""
    memory: Memory

    @property
    def is_again(self) -> bool:
        """Tell whether a person cleared the task: siblings that were not cleared do not follow its new build."""
        return self.round > 0

    def may_replace(self, build: TaskInfo) -> bool:
        """Tell whether a new build may be submitted in place of one that failed or was canceled."""
        followed_in = self.memory.get(str(build.id))
        if followed_in is not None:
            return followed_in < self.round
        ended = build.completion_ts
        return ended is not None and self.run_started is not None and ended < self.run_started

    def remember(self, task_id: int) -> Memory:
        """Give the memory with a Koji task that is followed now."""
        return {**self.memory, str(task_id): self.memory.get(str(task_id), self.round)}


@dataclass(frozen=True, slots=True)
class ArchBuild:
    """What one task follows: the build of a component on one arch."""

    build_id: int
    """Of the module."""
    component: str
    arch: str
    whole: bool = False
    """Whether it waits for the other arches too (mbs.koji.tasks.follow_through)."""

    def outcome(self, snapshot: TaskSnapshot) -> Outcome:
        """Say how far the build is for this arch."""
        return follow_through(snapshot.task, snapshot.children, self.arch, whole=self.whole)


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to submit for a component."""

    plan: BuildPlan
    package: str
    source: str
    target: str
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Unsuccessful:
    """The build has failed for good."""

    report: FailureReport


def component_request(plan: BuildPlan, name: str, repo_id: int | None) -> BuildRequest:
    """Give a component as planned, to be built on a repository; without one Koji waits for a new one."""
    planned = next(component for component in plan.components if component.name == name)
    return BuildRequest(plan, name, planned.source, plan.target, build_options(plan, planned, repo_id))


def ensure_submitted(
    hub: Hub,
    registry: Registry,
    build: ArchBuild,
    attempt: Attempt,
    request: Callable[[], BuildRequest],
    log: Log,
) -> TaskSnapshot | None:
    """Attach to the component's build, adopt one that nobody recorded, or submit one; gives its Koji task.

    None is given for a finished build that no task made (imported, reused). `request` makes what to submit, if it comes
    to that. Raises HubUnavailable, HubRefused, RegistryUnavailable.
    """
    with registry.component(build.build_id, build.component) as component:
        row = component.row
        if row.state is ComponentState.COMPLETE and (row.reused_from is not None or row.task_id is None):
            log(row.reason or f"{row.nvr} is there already.")
            return None
        if row.task_id is not None and (attached := _attached(hub, component, row.task_id, attempt)):
            log(f"Attached to Koji task {row.task_id}.")
            return attached
        if row.state is not None:
            component.reset(f"Building again after Koji task {row.task_id}." if row.task_id else None)
        made = request()
        if _adopt(hub, registry, component, made, log):
            return task_snapshot(hub, component.row.task_id) if component.row.task_id is not None else None
        return _submit(hub, component, made, log)


def conclude(
    hub: Hub, registry: Registry, plan: BuildPlan, build: ArchBuild, snapshot: TaskSnapshot
) -> Done | NotBuilt | AwaitBuild | Unsuccessful:
    """Record the end of a component's build where its arch is done or has failed; a sibling may have done it."""
    outcome = build.outcome(snapshot)
    if isinstance(outcome, Waiting):
        return AwaitBuild(snapshot.task.id)
    if isinstance(outcome, Failed):
        return Unsuccessful(_reported(hub, registry, plan, build, snapshot))
    record_end(registry, build, endings(hub, [snapshot.task]).get(snapshot.task.id))
    return NotBuilt(f"{build.component} is not built for {build.arch}.") if isinstance(outcome, Skipped) else Done()


def give_up(hub: Hub, registry: Registry, build: ArchBuild, reason: str) -> None:
    """Cancel a build that is waited for no more, and raise BuildFailed; one that ended at the last moment counts."""
    with registry.component(build.build_id, build.component) as component:
        if component.row.task_id is None or component.row.state is not ComponentState.BUILDING:
            return
        snapshot = task_snapshot(hub, component.row.task_id)
        if not isinstance(build.outcome(snapshot), Waiting):
            return
        end = cancel_build(hub, snapshot.task.id, reason)
        if end is not None:
            record(component, end)
    if end is None or end.state is not ComponentState.COMPLETE:
        msg = f"{build.component} ({build.arch}): Koji task {snapshot.task.id} was canceled. {reason}"
        raise BuildFailed(msg)


def cancel(hub: Hub, build: ArchBuild, task_id: int, reason: str) -> End:
    """Cancel a build unless the arch is done; give how it ended. Raises HubUnavailable, HubRefused."""
    snapshot = task_snapshot(hub, task_id)
    if isinstance(build.outcome(snapshot), Waiting):
        return cancel_build(hub, task_id, reason)
    return endings(hub, [snapshot.task], reason).get(task_id)


def build_of(hub: Hub, task: TaskInfo) -> tuple[int | None, End]:
    """Give the id of the build that a task makes, None where it has none yet; and how it ended, for `record_end`."""
    built = builds_of_tasks(hub, [task.id]).get(task.id)
    return (built.id if built else None), ending(task, built)


def record_end(registry: Registry, build: ArchBuild, end: End) -> None:
    """Record how the component's build ended, if it has; it may have been recorded, or begun anew."""
    if end is not None:
        with registry.component(build.build_id, build.component) as component:
            record(component, end)


def _attached(hub: Hub, component: LockedComponent, task_id: int, attempt: Attempt) -> TaskSnapshot | None:
    """Follow what Koji has; None where another build may take its place.

    Where the record says that it ended badly and it did not, the record is mended.
    """
    row, seen = component.row, task_snapshot(hub, task_id)
    if not attempt.may_replace(seen.task) or not _is_without_success(hub, seen.task):
        if row.state in _BADLY_ENDED and seen.task.state not in UNSUCCESSFUL:
            component.resumed()
        return seen
    if row.state is ComponentState.COMPLETE:
        component.finished(ComponentState.DELETED, reason=f"Koji has no complete build of task {task_id}.")
    return None


def _is_without_success(hub: Hub, task: TaskInfo) -> bool:
    """Tell whether a task has failed, was canceled, or built what someone has deleted since."""
    if task.state is not TaskState.CLOSED:
        return task.state in UNSUCCESSFUL
    build = builds_of_tasks(hub, [task.id]).get(task.id)
    return build is None or not build.is_complete


def _adopt(hub: Hub, registry: Registry, component: LockedComponent, request: BuildRequest, log: Log) -> bool:
    """Take what a crash, or a lost registry, left in Koji (§14.4); tell whether there was something."""
    build = find_build(hub, request.plan, request.package, request.source, request.target)
    if build is not None:
        component.finished(
            ComponentState.COMPLETE, build.nvr, "Found existing build", task_id=build.task_id, koji_build_id=build.id
        )
        log(f"Found the existing build {build.nvr}.")
        return True
    if component.row.intent_time is None:
        return False
    known = _known_tasks(registry, component.row.id)
    task_id = find_task(hub, request.source, request.target, component.row.intent_time, known)
    if task_id is None:
        return False
    component.submitted(task_id)
    log(f"Adopted Koji task {task_id}, whose submission was not recorded.")
    return True


def _known_tasks(registry: Registry, component_id: int) -> Collection[int]:
    """Give the Koji tasks that were recorded for the component at any time."""
    return {row.task_id for row in registry.components.trace(component_id) if row.task_id is not None}


def _submit(hub: Hub, component: LockedComponent, request: BuildRequest, log: Log) -> TaskSnapshot:
    component.intend()
    try:
        task_id = submit(hub, request.plan, request.source, request.target, request.options)
    except HubRefused as refused:
        component.finished(ComponentState.FAILED, reason=str(refused))
        raise
    component.submitted(task_id)
    log(f"Submitted {request.package} to Koji as task {task_id}.")
    return TaskSnapshot(TaskInfo(id=task_id, method="build", state=TaskState.FREE))


def _reported(hub: Hub, registry: Registry, plan: BuildPlan, build: ArchBuild, snapshot: TaskSnapshot) -> FailureReport:
    """Find out why a build failed, and record it, also while Koji has not ended all of it."""
    task = snapshot.task
    report = report_failure(hub, task, snapshot.children, package=build.component, arch=build.arch, dist=plan.dist)
    failed = Finished(ComponentState.FAILED, None, str(report), task.id)
    record_end(registry, build, endings(hub, [task], str(report)).get(task.id, failed))
    return report
