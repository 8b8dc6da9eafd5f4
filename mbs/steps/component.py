"""The build of a component in Koji, which several tasks follow, one for each arch: the rules, and how it ends.

How it is submitted, exactly once, stands in `mbs.steps.submission`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from mbs.koji.builds import BuildInfo, BuildRequest, build_options, builds_of_tasks
from mbs.koji.logs import FailedBuild, FailureReport, report_failures
from mbs.koji.session import Hub
from mbs.koji.snapshot import TaskSnapshot, task_snapshot
from mbs.koji.tasks import UNSUCCESSFUL, Outcome, TaskInfo, TaskState, Waiting, follow_through
from mbs.model.errors import BuildFailed
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.registry import Registry
from mbs.registry.rows import Finished, Followed
from mbs.steps.ending import Change, cancel_build, change, ending, endings, record


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a task knows of itself."""

    round: int
    """How often a person has cleared it."""
    run_started: float | None
    """Seconds since the epoch: when the run started last."""
    followed: Followed | None = None
    """What it has followed last, in any round."""

    def may_replace(self, build: TaskInfo) -> bool:
        """Tell whether a new build may be submitted in place of one that failed or was canceled."""
        known, ended = self.followed, build.completion_ts
        if self.has_followed_before(build):
            return True
        if known is not None and (known.task_id, known.run_started) == (build.id, self.run_started):
            return False
        return ended is not None and self.run_started is not None and ended < self.run_started

    def has_followed_before(self, build: TaskInfo) -> bool:
        """Tell whether a person has cleared the task since it followed a build first."""
        return self.followed is not None and self.followed.task_id == build.id and self.followed.round < self.round


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


def component_request(plan: BuildPlan, name: str, repo_id: int | None) -> BuildRequest:
    """Give a component as planned, to be built on a repository; without one Koji waits for a new one."""
    planned = next(component for component in plan.components if component.name == name)
    return BuildRequest(name, planned.source, plan.target, build_options(plan, planned, repo_id), plan.koji_priority)


def is_without_success(task: TaskInfo, built: BuildInfo | None) -> bool:
    """Tell whether a task has failed, was canceled, or built what someone has deleted since."""
    if task.state is TaskState.CLOSED:
        return built is None or not built.is_complete
    return task.state in UNSUCCESSFUL


@dataclass(frozen=True, slots=True)
class Failing:
    """A build that has failed on the arch that a task follows."""

    plan: BuildPlan
    build: ArchBuild
    snapshot: TaskSnapshot

    @property
    def seen(self) -> FailedBuild:
        """What is asked about."""
        task, children = self.snapshot.task, self.snapshot.children
        return FailedBuild(task, children, self.build.component, self.build.arch, self.plan.dist)


def report(hub: Hub, registry: Registry, failing: Sequence[Failing]) -> list[FailureReport]:
    """Find out together why builds failed, and record it, also while Koji has not ended all of them."""
    reports = report_failures(hub, [each.seen for each in failing])
    ended = sorted({each.snapshot.task.id for each in failing if each.snapshot.task.ended})
    built = builds_of_tasks(hub, ended) if ended else {}
    changes: defaultdict[tuple[int, str], list[Change]] = defaultdict(list)
    for each, found in zip(failing, reports, strict=True):
        task = each.snapshot.task
        end = ending(task, built.get(task.id), str(found)) or Finished(ComponentState.FAILED, None, str(found), task.id)
        changes[each.build.build_id, each.build.component].append(partial(record, end=end))
    change(registry, changes)
    return reports


def give_up(hub: Hub, registry: Registry, build: ArchBuild, task_id: int, reason: str) -> None:
    """Cancel a build that is waited for no more, and raise BuildFailed; one that ended at the last moment counts."""
    if not isinstance(build.outcome(task_snapshot(hub, task_id)), Waiting):
        return
    end = cancel_build(hub, task_id, reason)
    record_end(registry, build, end)
    if end is None or end.state is not ComponentState.COMPLETE:
        msg = f"{build.component} ({build.arch}): Koji task {task_id} was canceled. {reason}"
        raise BuildFailed(msg)


def cancel(hub: Hub, registry: Registry, build: ArchBuild, task_id: int, reason: str) -> Finished | None:
    """Cancel a build unless the arch is done, and record how it ended; None where Koji still works on it.

    Raises HubUnavailable, HubRefused.
    """
    snapshot = task_snapshot(hub, task_id)
    if isinstance(build.outcome(snapshot), Waiting):
        end = cancel_build(hub, task_id, reason)
    else:
        end = endings(hub, [snapshot.task], reason).get(task_id)
    record_end(registry, build, end)
    return end


def record_end(registry: Registry, build: ArchBuild, end: Finished | None) -> None:
    """Record how the component's build ended, if it has; it may have been recorded, or begun anew."""
    if end is not None:
        with registry.component(build.build_id, build.component) as component:
            record(component, end)
