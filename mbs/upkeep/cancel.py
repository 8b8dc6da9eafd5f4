"""Canceling what Koji still does for a module build that has ended."""

from __future__ import annotations

from mbs.koji.session import Hub, call
from mbs.registry.registry import Registry
from mbs.registry.states import ComponentState


def cancel_components(hub: Hub, registry: Registry, build_id: int, reason: str) -> None:
    """Cancel the Koji tasks of the components that are being built, then record it.

    In this order: a hub that is away (HubAway) leaves them recorded as being built, for the next round of upkeep.
    A task that ended meanwhile is no matter.
    """
    rows = registry.components(build_id)
    building = [row.task_id for row in rows if row.state is ComponentState.BUILDING and row.task_id is not None]
    hub.multicall(call("cancelTask", task_id) for task_id in building)
    registry.fail_unfinished(build_id, ComponentState.CANCELED, reason)
