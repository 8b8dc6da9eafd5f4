from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mbs.nsvc import NSVC
from mbs.plan import BuildPlan, PlannedComponent, PlannedDependency, PlannedMacros, Publication
from mbs.registry import Allocation, NewBuild, Recorded, Registry

PLATFORM = NSVC("platform", "f29", 5, "00000000")

EXAMPLE = BuildPlan(
    nsvc=NSVC("example", "1", 20240102030405, "9c690d0e"),
    build_id=1,
    owner="pat",
    scmurl="https://src.example.org/modules/example?#0123456789abcdef0123456789abcdef01234567",
    branch="1",
    scratch=False,
    rebuild_strategy="changed-and-after",
    koji_tag="module-example-1-20240102030405-9c690d0e",
    build_tag="module-example-1-20240102030405-9c690d0e-build",
    target="module-example-1-20240102030405-9c690d0e",
    dist="module+f29+1+814cfa39",
    arches=("aarch64", "x86_64"),
    tag_permission="admin",
    tag_extra={"mock.package_manager": "dnf", "repo_include_all": True, "mock.new_chroot": 0},
    packages=("alpha", "beta", "gamma"),
    blocked_packages=(),
    dependencies=(PlannedDependency("platform", "f29", 5, "00000000", "module-f29-build", base=True, priority=10),),
    groups=(),
    macros=PlannedMacros("%dist .module+f29+1+814cfa39\n"),
    components=tuple(
        PlannedComponent(name, f"https://src.example.org/rpms/{name}?#{name * 8}", name * 8, batch, weight=60.0)
        for name, batch in (("alpha", 1), ("beta", 1), ("gamma", 2))
    ),
    publication=Publication("1", "20240102030405.9c690d0e"),
    modulemd="document: modulemd\n",
    source_modulemd="document: modulemd\n",
)

Submit = Callable[..., tuple[Recorded, ...]]


def new_build(context: str = "9c690d0e", *, plan: BuildPlan = EXAMPLE, **facts: Any) -> NewBuild:
    def make_plan(allocation: Allocation) -> BuildPlan:
        dist = f"module+f29+{allocation.first_sibling_id}+814cfa39"
        tag = f"module-example-{allocation.nsvc.context}"
        return replace(plan, nsvc=allocation.nsvc, build_id=allocation.build_id, dist=dist, koji_tag=tag)

    return NewBuild(replace(plan.nsvc, context=context), make_plan, **facts)


@pytest.fixture
def submit(registry: Registry) -> Submit:
    def record(*contexts: str, by: str = "pat", **facts: Any) -> tuple[Recorded, ...]:
        return registry.record_submission([new_build(context, **facts) for context in contexts or ("9c690d0e",)], by=by)

    return record
