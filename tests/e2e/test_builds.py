"""Module builds from the form to tagged RPMs, with everything real."""

from __future__ import annotations

import pytest

from mbs.registry import ModuleState
from tests.e2e.world import World, module
from tools.demo import story

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SUCCESS = {"success", "skipped"}


def test_the_example_is_built_and_every_rpm_carries_the_modules_release_and_label(world: World) -> None:
    repository = world.layout.var / "examples" / "modules" / "greeter"
    build = story.submit(world.api, world.registry, repository, "1")
    assert world.ends(build) == "success"
    states = world.states(build)
    assert set(states.values()) <= SUCCESS
    assert states["batch_3.cpu-greet.aarch64"] == "skipped"
    assert world.row(build).state is ModuleState.READY

    rpms, builds = world.admin.listTaggedRPMS(build.plan.koji_tag)
    assert {found["name"] for found in builds} == {component.name for component in build.plan.components}
    assert {rpm["release"] for rpm in rpms} == {f"1.{build.plan.dist}"}
    headers = [world.admin.getRPMHeaders(rpm["id"], headers=["MODULARITYLABEL"]) for rpm in rpms]
    assert {header["MODULARITYLABEL"] for header in headers} == {str(build.plan.nsvc)}


def test_a_failed_arch_is_red_with_the_reason_and_clear_failed_finishes_without_building_again(world: World) -> None:
    world.packages("calm", "moody", "late")
    document = module("moods", {"calm": {}, "moody": {}, "late": {"buildorder": 5}})
    with world.fault("build_faults", [{"kind": "fail", "package": "moody", "arch": "aarch64"}]):
        build = world.submit(document)
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
    assert "build.log" in log

    complete = {task["id"] for task in world.build_tasks(build) if task["state"] == 2}
    world.api.clear_failed(build.dag_id, build.run_id)
    assert world.api.until(lambda: world.row(build).state is ModuleState.READY, "the second try", 180)
    assert world.ends(build) == "success"
    again = [task["request"][0].rsplit("/", 1)[-1] for task in world.build_tasks(build) if task["id"] not in complete]
    assert sum("moody" in source for source in again) == 2, "one that failed and one that did not"
    assert not any("calm" in source for source in again)


def test_a_run_marked_failed_cancels_its_koji_tasks_and_closes_the_build(world: World) -> None:
    world.packages("sluggish")
    with world.fault("build_faults", [{"kind": "slow", "package": "sluggish", "seconds": 600}]):
        build = world.submit(module("slow", {"sluggish": {}}))
        world.reaches(build, "batch_1.sluggish.x86_64", "deferred")
        world.api.until(lambda: len(world.build_tasks(build)) == 2, "the submission")
        world.api.mark_run(build.dag_id, build.run_id, "failed")
        world.api.until(lambda: {task["state"] for task in world.build_tasks(build)} == {2, 3}, "the cancellation", 60)
        world.api.until(lambda: world.row(build).state is ModuleState.FAILED, "the end of the module build", 60)


def test_a_module_without_components_is_built_at_once(world: World) -> None:
    build = world.submit(module("hollow", {}))
    assert world.ends(build) == "success"
    assert not any(name.startswith(("macros", "batch")) for name in world.states(build))
    assert world.row(build).state is ModuleState.READY


def test_components_ordered_by_buildafter_wait_for_exactly_these(world: World) -> None:
    world.packages("first", "second", "apart", requires={"second": "first"})
    document = module("chain", {"first": {}, "second": {"buildafter": "[first]"}, "apart": {}})
    build = world.submit(document)
    assert world.ends(build) == "success"
    tasks = world.tasks(build)
    assert str(tasks["batch_2.second.x86_64"].start) > str(tasks["batch_1.first.repo"].end)
    assert "batch_1.apart.repo" not in tasks


def test_more_is_never_in_koji_than_the_pool_allows_also_with_two_modules(world: World) -> None:
    names = [f"crowd-{number}" for number in range(5)]
    world.packages(*names)
    world.resize_pool(4)
    with world.fault("build_faults", [{"kind": "slow", "package": "crowd-*", "seconds": 2}]):
        builds = [world.submit(module(name, {package: {} for package in names})) for name in ("here", "there")]
        most = 0
        while any(world.api.run(build.dag_id, build.run_id)["state"] == "running" for build in builds):
            options = {"method": "buildArch", "state": [0, 1, 4]}
            most = max(most, len(world.admin.listTasks(options, {"limit": 1000})))
    assert {world.ends(build) for build in builds} == {"success"}
    assert 2 <= most <= 5, "a component at the boundary may exceed the pool by its other arch"
