"""How the Koji build of a component ended: what Koji says is recorded, and what Koji has built always counts."""

from __future__ import annotations

from collections.abc import Iterable

from mbs.koji.builds import BuildInfo, builds_of_tasks
from mbs.koji.session import Hub
from mbs.koji.sight import see
from mbs.koji.tasks import TaskInfo, TaskState
from mbs.registry.components import LockedComponent
from mbs.registry.rows import Finished
from mbs.registry.states import ComponentState


def outcome(task: TaskInfo) -> ComponentState | None:
    """Say what has become of a component by its Koji task; None while it runs."""
    return {
        TaskState.CLOSED: ComponentState.COMPLETE,
        TaskState.FAILED: ComponentState.FAILED,
        TaskState.CANCELED: ComponentState.CANCELED,
    }.get(task.state)


def ending(task: TaskInfo, build: BuildInfo | None, reason: str | None = None) -> Finished | None:
    """Give what to record of a build task and its build; None while it runs. `reason` is for one without success."""
    state = outcome(task)
    if state is None:
        return None
    nvr, build_id = (build.nvr, build.id) if build else (None, None)
    if state is not ComponentState.COMPLETE:
        return Finished(state, nvr, reason, task.id, build_id)
    if build is None or not build.is_complete:
        lost = f"Koji task {task.id} succeeded, but Koji has no complete build of it any more"
        return Finished(ComponentState.FAILED, nvr, lost, task.id, build_id)
    return Finished(state, nvr, None, task.id, build_id)


def endings(hub: Hub, tasks: Iterable[TaskInfo], reason: str | None = None) -> dict[int, Finished]:
    """Give what to record of each build task that has ended. Raises HubAway, HubRefused."""
    ended = [task for task in tasks if task.ended]
    builds = builds_of_tasks(hub, [task.id for task in ended]) if ended else {}
    found = {task.id: ending(task, builds.get(task.id), reason) for task in ended}
    return {task_id: end for task_id, end in found.items() if end is not None}


def cancel_build(hub: Hub, task_id: int, reason: str) -> Finished | None:
    """Cancel a build and give how it ended, which may be well: it was faster. None where Koji still works on it."""
    hub.call("cancelTask", task_id)
    return endings(hub, [see(hub, task_id).task], reason).get(task_id)


def record(component: LockedComponent, end: Finished) -> None:
    """Record the end of the build that the component has now, if nobody did; a success also over another end."""
    row = component.row
    if row.task_id == end.task_id and (row.state is ComponentState.BUILDING or end.state is ComponentState.COMPLETE):
        component.finished(end.state, end.nvr, end.reason, koji_build_id=end.koji_build_id)
