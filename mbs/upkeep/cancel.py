"""Canceling what Koji still does for a module build that has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mbs.koji.ending import endings, record
from mbs.koji.session import Hub, call
from mbs.koji.sight import TaskKey, TaskSight, look
from mbs.registry.registry import Registry
from mbs.registry.rows import ComponentRow, Finished
from mbs.registry.states import ComponentState


def cancel_components(hub: Hub, registry: Registry, build_id: int, reason: str) -> None:
    """Cancel the Koji tasks of the components that are being built, and record what Koji says became of them.

    A hub that is away (HubAway), or that does not let go of a task, leaves them recorded as being built, for the next
    round of upkeep.
    """
    rows = [row for row in registry.components(build_id) if row.state is ComponentState.BUILDING]
    cancel_tasks(hub, (row.task_id for row in rows if row.task_id is not None))
    settle(registry, became(hub, rows, reason))


def became(hub: Hub, rows: Collection[ComponentRow], reason: str) -> dict[ComponentRow, Finished]:
    """Give how the builds of components ended by what Koji says; what it does not know was canceled for `reason`."""
    sights = look(hub, (TaskKey(row.task_id) for row in rows if row.task_id is not None))
    tasks = {sight.task.id: sight.task for sight in sights.values() if isinstance(sight, TaskSight)}
    ends = endings(hub, tasks.values(), reason)
    lost = {
        row: Finished(ComponentState.CANCELED, None, reason, row.task_id) for row in rows if row.task_id not in tasks
    }
    return {**lost, **{row: ends[row.task_id] for row in rows if row.task_id is not None and row.task_id in ends}}


def settle(registry: Registry, ends: dict[ComponentRow, Finished]) -> None:
    """Record how the builds of components ended."""
    for row, end in ends.items():
        with registry.component(row.build_id, row.name) as component:
            record(component, end)


def cancel_tasks(hub: Hub, task_ids: Iterable[int]) -> None:
    """Cancel tasks; one that ended meanwhile is no matter."""
    hub.multicall(call("cancelTask", task_id) for task_id in task_ids)
