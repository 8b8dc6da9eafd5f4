"""Plans of several sizes and shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedComponent, PlannedDependency, PlannedMacros, Publication

ARCHES = ("x86_64", "aarch64")


def component_at(name: str, batch: int = 1, **fields: Any) -> PlannedComponent:
    defaults: dict[str, Any] = {"arches": ARCHES, "priority": 10}
    source = f"https://src.example.org/rpms/{name}?#{'0' * 40}"
    return PlannedComponent(name=name, source=source, ref="0" * 40, batch=batch, **(defaults | fields))


def plan_of(components: Iterable[PlannedComponent], **fields: Any) -> BuildPlan:
    nsvc = fields.pop("nsvc", NSVC("greeter", "1", 20261122160000, "c0ffee42"))
    defaults: dict[str, Any] = {
        "build_id": 7,
        "owner": "alice",
        "scmurl": "https://src.example.org/modules/greeter?#abc",
        "branch": "1",
        "scratch": False,
        "rebuild_strategy": "changed-and-after",
        "koji_tag": f"module-{nsvc.name}-{nsvc.stream}-{nsvc.version}-{nsvc.context}",
        "build_tag": f"module-{nsvc.name}-{nsvc.stream}-{nsvc.version}-{nsvc.context}-build",
        "target": "module-greeter",
        "dist": "module+f40+7+c0ffee42",
        "arches": ARCHES,
        "tag_permission": "admin",
        "tag_extra": {"repo_include_all": True},
        "packages": tuple(component.name for component in components),
        "blocked_packages": (),
        "dependencies": (PlannedDependency("platform", "f40", 1, "00000000", "module-f40-build", base=True),),
        "groups": (),
        "macros": PlannedMacros("%dist .module"),
        "components": tuple(components),
        "publication": Publication(nsvc.stream, f"{nsvc.version}.{nsvc.context}"),
        "modulemd": "document: modulemd\nversion: 2\n",
    }
    return BuildPlan(nsvc=nsvc, **(defaults | fields))


@pytest.fixture(name="component")
def _component() -> Callable[..., PlannedComponent]:
    return component_at


@pytest.fixture(name="plan")
def _plan() -> Callable[..., BuildPlan]:
    return plan_of
