"""Module builds from the form to tagged RPMs, with everything real."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mbs.registry import BuildFilter, ModuleState
from tests.e2e.world import World, module
from tools.stack.client import FollowedBuild

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SUCCESS = {"success", "skipped"}


def test_the_example_is_built_and_every_rpm_carries_the_modules_release_and_label(
    world: World, greeter: FollowedBuild
) -> None:
    build = greeter
    states = world.states(build)
    assert set(states.values()) <= SUCCESS
    assert states["batch_3.cpu-greet.aarch64"] == "skipped"
    assert world.row(build).state is ModuleState.READY

    rpms, builds = world.hub.listTaggedRPMS(build.plan.koji_tag)
    assert {found["name"] for found in builds} == {component.name for component in build.plan.components}
    assert {rpm["release"] for rpm in rpms} == {f"1.{build.plan.dist}"}
    headers = [world.hub.getRPMHeaders(rpm["id"], headers=["MODULARITYLABEL"]) for rpm in rpms]
    assert {header["MODULARITYLABEL"] for header in headers} == {str(build.plan.nsvc)}


@pytest.mark.faults
def test_a_failed_arch_is_red_with_the_reason_and_clear_failed_finishes_without_building_again(world: World) -> None:
    world.packages("calm", "moody", "late")
    document = module("moods", {"calm": {}, "moody": {}, "late": {"buildorder": 5}})
    with world.fault("build_faults", [{"kind": "fail", "package": "moody", "arch": "aarch64"}]):
        build = world.paste(document)
        assert world.ends(build) == "failed"
    states = world.states(build)
    assert states["batch_1.moody.aarch64"] == "failed"
    assert states["batch_2.late.x86_64"] == "upstream_failed"
    assert states["batch_1.calm.x86_64"] == states["batch_1.calm.aarch64"] == "success"
    row = world.row(build)
    assert row.state is ModuleState.FAILED
    assert "moody" in (row.state_reason or "")
    attempt = world.tasks(build)["batch_1.moody.aarch64"].tries
    log = world.api.log(build.dag_id, build.run_id, "batch_1.moody.aarch64", attempt)
    assert "build.log: error: this failure was asked for" in log
    assert world.api.defects(build.dag_id, build.run_id, "batch_1.moody.aarch64", attempt) == []
    note = world.api.run(build.dag_id, build.run_id)["note"]
    assert note.startswith("Failed:\n\n* **moody** (aarch64), [Koji task ")
    assert note.endswith("`error: this failure was asked for`")

    complete = {task["id"] for task in world.build_tasks(build) if task["state"] == 2}
    world.api.clear_failed(build.dag_id, build.run_id)
    assert world.api.until(lambda: world.row(build).state is ModuleState.READY, "the second try", 180)
    assert world.ends(build) == "success"
    again = [task["request"][0].rsplit("/", 1)[-1] for task in world.build_tasks(build) if task["id"] not in complete]
    assert sum("moody" in source for source in again) == 2, "one that failed and one that did not"
    assert not any("calm" in source for source in again)
    assert world.api.run(build.dag_id, build.run_id)["note"].startswith(f"{build.plan.nsvc} is ready.")


@dataclass(frozen=True)
class Small:
    """Small modules of several kinds, built at the same time."""

    hollow: FollowedBuild
    """Without components."""
    chain: FollowedBuild
    """Ordered by `buildafter`."""
    stack: FollowedBuild
    """With an included module."""


@pytest.fixture(scope="module")
def small(world: World) -> Small:
    world.packages("first", "second", "apart", "ground", "roof", requires={"second": "first", "roof": "ground"})
    world.repository("base", module("base", {"ground": {}}))
    built = Small(
        hollow=world.paste(module("hollow", {})),
        chain=world.paste(module("chain", {"first": {}, "second": {"buildafter": "[first]"}, "apart": {}})),
        stack=world.paste(module("stack", {"roof": {"buildorder": 1}}, modules=["base"])),
    )
    for build in (built.hollow, built.chain, built.stack):
        assert world.ends(build) == "success", world.row(build).state_reason
    return built


def test_a_module_without_components_is_built_without_macros_and_repositories(world: World, small: Small) -> None:
    assert not any(name.startswith(("macros", "batch")) for name in world.states(small.hollow))
    assert world.row(small.hollow).state is ModuleState.READY


def test_components_ordered_by_buildafter_wait_for_exactly_these(world: World, small: Small) -> None:
    tasks = world.tasks(small.chain)
    assert str(tasks["batch_2.second.x86_64"].start) > str(tasks["batch_1.first.repo"].end)
    assert "batch_1.apart.repo" not in tasks


def test_an_included_module_is_built_and_published_as_a_part_of_the_one_that_includes_it(
    world: World, small: Small
) -> None:
    plan = small.stack.plan
    assert {(one.name, one.batch) for one in plan.components} == {("ground", 1), ("roof", 2)}
    tagged = world.hub.listTagged(plan.koji_tag)
    assert {found["package_name"] for found in tagged} == {"ground", "roof"}
    assert world.published(small.stack, "stack") == {"roof", "ground"}
    assert world.published(small.stack, "stack-devel") == set()
    assert not world.registry.builds.find(BuildFilter(name="base")).items, "it is no module build of its own"


@pytest.mark.faults
def test_more_is_never_in_koji_than_the_pool_allows_also_with_two_modules(world: World) -> None:
    names = [f"crowd-{number}" for number in range(10)]
    world.packages(*names)
    slow = [{"kind": "slow", "package": "crowd-*", "seconds": 2}]
    with world.pool(4), world.fault("build_faults", slow):
        crowd = world.paste(module("crowd", {package: {} for package in names}))
        other = world.paste(module("other", {package: {} for package in names[:2]}))
        assert {world.ends(build) for build in (crowd, other)} == {"success"}
    # A component at the boundary may exceed the pool by its other arch.
    assert 4 <= world.most_arch_builds([crowd, other]) <= 5
