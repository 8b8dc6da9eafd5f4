"""Which components are built right behind a gate; the same rule orders the tasks of a module build."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mbs.model.plan import PlannedComponent


def behind(components: Sequence[PlannedComponent], gate: Collection[str]) -> tuple[PlannedComponent, ...]:
    """Give the components that are built on the repository of a gate; without names it is the gate of the macros.

    With `buildafter` these are the components that name one of the gate's; with batches those of the next batch.
    """
    if any(component.after for component in components):
        return tuple(one for one in components if (gate and set(one.after) & set(gate)) or (not gate and not one.after))
    batch = max((component.batch for component in components if component.name in gate), default=0)
    following = min((component.batch for component in components if component.batch > batch), default=None)
    return tuple(component for component in components if component.batch == following)
