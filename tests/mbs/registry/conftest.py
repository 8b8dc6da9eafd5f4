from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from mbs.model.naming import koji_tag
from mbs.model.plan import BuildPlan
from mbs.registry import Allocation, Identity, NewBuild, Recorded, Registry

Submit = Callable[..., tuple[Recorded, ...]]


def record_all(
    registry: Registry, plans: Iterable[BuildPlan], *, by: str = "pat", key: str | None = None
) -> tuple[Recorded, ...]:
    """Record a submission of module builds with these plans, but for what is named after their ids."""
    every = list(plans)
    identities = [Identity(plan.nsvc, plan.scratch, plan.rebuild_strategy) for plan in every]
    with registry.recording(identities, by=by, key=key) as recording:
        for plan, allocation in zip(every, recording.allocations, strict=True):
            if allocation:
                recording.store(NewBuild(named(plan, allocation)))
    return recording.outcomes


def named(plan: BuildPlan, allocation: Allocation) -> BuildPlan:
    dist = f"module+f29+{allocation.first_sibling_id}+814cfa39"
    tag = koji_tag(allocation.nsvc, scratch_id=allocation.build_id if plan.scratch else None)
    return replace(plan, nsvc=allocation.nsvc, build_id=allocation.build_id, dist=dist, koji_tag=tag)


@pytest.fixture
def submit(registry: Registry, example_plan: BuildPlan) -> Submit:
    def record(*contexts: str, by: str = "pat", key: str | None = None, **facts: Any) -> tuple[Recorded, ...]:
        plans = (
            replace(example_plan, nsvc=replace(example_plan.nsvc, context=context), **facts)
            for context in contexts or ("9c690d0e",)
        )
        return record_all(registry, plans, by=by, key=key)

    return record
