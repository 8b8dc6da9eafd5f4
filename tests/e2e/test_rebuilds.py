"""What comes after a first build: others that are built on it, the next version, a build that is taken up again."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from mbs.cli.server import ApiError
from mbs.registry import ModuleState
from mbs.steps.reuse import REASON, UNNEEDED_MACROS
from tests.e2e.world import STREAM, World, module
from tools.stack.client import FollowedBuild

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@dataclass(frozen=True)
class Next:
    """What was built after the example, both at the same time."""

    salute: FollowedBuild
    """A module that buildrequires the example."""
    again: FollowedBuild
    """The example's next version, in which nothing has changed."""


@pytest.fixture(scope="module")
def following(world: World, greeter: FollowedBuild) -> Next:
    assert world.row(greeter).state is ModuleState.READY
    done = Next(world.example("salute", STREAM), world.example("greeter", STREAM))
    assert {world.ends(done.salute), world.ends(done.again)} == {"success"}
    return done


def test_a_second_module_is_built_with_the_rpms_of_the_one_that_it_buildrequires(
    world: World, greeter: FollowedBuild, following: Next
) -> None:
    [dependency] = [one for one in following.salute.plan.dependencies if one.name == "greeter"]
    assert dependency.koji_tag == greeter.plan.koji_tag
    assert world.row(following.salute).state is ModuleState.READY
    [task] = [task for task in world.build_tasks(following.salute) if "salute" in task["request"][0]]
    child = next(child for child in world.hub.getTaskChildren(task["id"], request=True) if child["arch"] == "x86_64")
    root = world.hub.downloadTaskOutput(child["id"], "root.log").decode()
    assert re.search(rf"libgreet-devel-\S*{re.escape(greeter.plan.dist)}", root), root


def test_an_unchanged_module_is_ready_again_without_a_build_in_koji(world: World, following: Next) -> None:
    again = following.again
    assert world.row(again).state is ModuleState.READY
    assert world.build_tasks(again) == []
    rows = world.registry.components.of(again.build_id)
    assert {row.reason for row in rows} == {REASON, UNNEEDED_MACROS}
    tagged = world.hub.listTagged(again.plan.koji_tag)
    assert {build["package_name"] for build in tagged} == {component.name for component in again.plan.components}


@pytest.mark.faults
def test_a_run_marked_failed_and_deleted_cancels_in_koji_and_its_build_goes_on_when_it_is_submitted_again(
    world: World,
) -> None:
    world.packages("prompt", "sluggish")
    commit = world.repository("paused", module("paused", {"prompt": {}, "sluggish": {"buildorder": 1}}))
    with world.fault("build_faults", [{"kind": "slow", "package": "sluggish", "seconds": 600}]):
        build = world.submit_commit(commit)
        world.is_in_koji(build, "sluggish")
        world.api.until(lambda: "sluggish" in world.open_sources(build), "the submission")
        with pytest.raises(ApiError, match="cannot be deleted in running state"):
            world.delete_run(build)
        world.api.mark_run(build.dag_id, build.run_id, "failed")
        world.api.until(lambda: not world.open_sources(build), "the cancellation in Koji", 90)
        world.api.until(lambda: world.row(build).state is ModuleState.FAILED, "the end of the module build", 90)
    assert world.row(build).state_reason == "Canceled by admin"
    canceled = {task["id"]: task["state"] for task in world.build_tasks(build)}
    assert sorted(canceled.values()) == [2, 2, 3]
    world.delete_run(build)
    assert world.row(build).state is ModuleState.FAILED

    resumed = world.submit_commit(commit)
    assert resumed.plan == build.plan
    assert world.ends(resumed) == "success"
    assert world.row(build).state is ModuleState.READY
    [task] = [task for task in world.build_tasks(build) if task["id"] not in canceled]
    assert "sluggish" in task["request"][0], "what was complete is not built again"
