"""Canceling what Koji still does for a module build that has ended."""

from __future__ import annotations

from collections.abc import Iterable

from mbs.koji.session import Hub, call
from mbs.registry.registry import Registry
from mbs.registry.states import ComponentState


def cancel_components(hub: Hub, registry: Registry, build_id: int, reason: str) -> None:
    """Cancel the Koji tasks of the components that are being built, then record it.

    In this order: a hub that is away (HubAway) leaves them recorded as being built, for the next round of upkeep.
    """
    rows = registry.components(build_id)
    building = (row for row in rows if row.state is ComponentState.BUILDING)
    cancel_tasks(hub, (row.task_id for row in building if row.task_id is not None))
    registry.fail_unfinished(build_id, ComponentState.CANCELED, reason)


def cancel_tasks(hub: Hub, task_ids: Iterable[int]) -> None:
    """Cancel tasks; one that ended meanwhile is no matter."""
    hub.multicall(call("cancelTask", task_id) for task_id in task_ids)
