"""How the builds of components end: what Koji says is recorded, and what nobody needs any longer is canceled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from mbs.koji.builds import BuildInfo, builds_of_tasks
from mbs.koji.session import Hub, call
from mbs.koji.snapshot import TaskKey, TaskSnapshot, poll, task_snapshot
from mbs.koji.tasks import TaskInfo, TaskState
from mbs.model.states import ComponentState
from mbs.registry import HeldComponent, Registry
from mbs.registry.rows import ComponentRow, Finished

Change: TypeAlias = Callable[[HeldComponent], None]


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
    """Give what to record of each build task that has ended. Raises HubUnavailable, HubRefused."""
    ended = [task for task in tasks if task.ended]
    builds = builds_of_tasks(hub, [task.id for task in ended]) if ended else {}
    found = {task.id: ending(task, builds.get(task.id), reason) for task in ended}
    return {task_id: end for task_id, end in found.items() if end is not None}


def cancel_build(hub: Hub, task_id: int, reason: str) -> Finished | None:
    """Cancel a build and give how it ended, which may be well: it was faster. None where Koji still works on it."""
    hub.call("cancelTask", task_id)
    return endings(hub, [task_snapshot(hub, task_id).task], reason).get(task_id)


def record(component: HeldComponent, end: Finished) -> None:
    """Record the end of the build that the component has now, if nobody did; a success also over another end."""
    row = component.row
    if row.task_id == end.task_id and (row.state is ComponentState.BUILDING or end.state is ComponentState.COMPLETE):
        component.finished(end.state, end.nvr, end.reason, koji_build_id=end.koji_build_id)


def cancel_components(hub: Hub, registry: Registry, build_id: int, reason: str) -> None:
    """Cancel the Koji tasks of the components that are being built, and record what Koji says became of them.

    A hub that does not answer (HubUnavailable), or that does not let go of a task, leaves them recorded as being built,
    for the next round of upkeep.
    """
    rows = [row for row in registry.components.of(build_id) if row.state is ComponentState.BUILDING]
    cancel_tasks(hub, (row.task_id for row in rows if row.task_id is not None))
    settle(registry, became(hub, rows, reason))


def became(hub: Hub, rows: Collection[ComponentRow], reason: str) -> dict[ComponentRow, Finished]:
    """Give how the builds of components ended by what Koji says; what it does not know was canceled for `reason`."""
    snapshots = poll(hub, (TaskKey(row.task_id) for row in rows if row.task_id is not None))
    tasks = {snapshot.task.id: snapshot.task for snapshot in snapshots.values() if isinstance(snapshot, TaskSnapshot)}
    ends = endings(hub, tasks.values(), reason)
    lost = {
        row: Finished(ComponentState.CANCELED, None, reason, row.task_id) for row in rows if row.task_id not in tasks
    }
    return {**lost, **{row: ends[row.task_id] for row in rows if row.task_id is not None and row.task_id in ends}}


def settle(registry: Registry, ends: Mapping[ComponentRow, Finished]) -> None:
    """Record how the builds of components ended, in one transaction."""
    change(registry, {(row.build_id, row.name): [partial(record, end=end)] for row, end in ends.items()})


def change(registry: Registry, changes: Mapping[tuple[int, str], Sequence[Change]]) -> None:
    """Change components, named by module build and name, in one transaction: all of them, or none."""
    of_build: defaultdict[int, dict[str, Sequence[Change]]] = defaultdict(dict)
    for (build_id, name), wanted in changes.items():
        of_build[build_id][name] = wanted
    with registry.transaction() as work:
        for build_id in sorted(of_build):
            for name, component in work.components.hold(build_id, of_build[build_id]).items():
                for each in of_build[build_id][name]:
                    each(component)


def cancel_tasks(hub: Hub, task_ids: Iterable[int]) -> None:
    """Cancel tasks; one that ended meanwhile is no matter."""
    hub.multicall(call("cancelTask", task_id) for task_id in task_ids)
