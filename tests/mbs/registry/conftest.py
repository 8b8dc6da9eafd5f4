from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mbs.model.naming import koji_tag
from mbs.model.plan import BuildPlan
from mbs.registry import Allocation, NewBuild, Recorded, Registry

Submit = Callable[..., tuple[Recorded, ...]]


def new_build(plan: BuildPlan, context: str = "9c690d0e", **facts: Any) -> NewBuild:
    def make_plan(allocation: Allocation) -> BuildPlan:
        dist = f"module+f29+{allocation.first_sibling_id}+814cfa39"
        tag = koji_tag(allocation.nsvc, scratch_id=allocation.build_id if facts.get("scratch") else None)
        return replace(plan, nsvc=allocation.nsvc, build_id=allocation.build_id, dist=dist, koji_tag=tag)

    return NewBuild(replace(plan.nsvc, context=context), make_plan, **facts)


@pytest.fixture
def submit(registry: Registry, example_plan: BuildPlan) -> Submit:
    def record(*contexts: str, by: str = "pat", key: str | None = None, **facts: Any) -> tuple[Recorded, ...]:
        return registry.record_submission(
            [new_build(example_plan, context, **facts) for context in contexts or ("9c690d0e",)], by=by, key=key
        )

    return record
