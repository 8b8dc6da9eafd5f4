from __future__ import annotations

import pytest

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedComponent, PlannedDependency, PlannedMacros, Publication

_TAG = "module-example-1-20240102030405-9c690d0e"


@pytest.fixture(scope="session")
def example_plan() -> BuildPlan:
    """A module of three components in two batches, on f29."""
    return BuildPlan(
        nsvc=NSVC("example", "1", 20240102030405, "9c690d0e"),
        build_id=1,
        owner="pat",
        scmurl="https://src.example.org/modules/example?#0123456789abcdef0123456789abcdef01234567",
        branch="1",
        scratch=False,
        rebuild_strategy="changed-and-after",
        koji_tag=_TAG,
        build_tag=f"{_TAG}-build",
        target=_TAG,
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
