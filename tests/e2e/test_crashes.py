"""Everything may die at any moment; nothing is built twice and nothing is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from sqlalchemy import text

from mbs.registry import ModuleState
from operators.executors.side_process import MODULE
from tests.e2e.world import World, module
from tools.stack import manager, processes, supervisor
from tools.stack.client import FollowedBuild

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OUTAGE_SECONDS = 60
WAITING = {"running", "queued", "scheduled", "up_for_retry"}
"""States of a task that has not given up."""


def submissions(world: World, build: FollowedBuild) -> Counter[str]:
    """How often each source was submitted to Koji for a module build."""
    return Counter(task["request"][0].rsplit("/", 1)[-1] for task in world.build_tasks(build))


def submissions_recorded(world: World, build: FollowedBuild) -> int:
    """How many components have a Koji task in the registry."""
    return sum(row.task_id is not None for row in world.registry.components.of(build.build_id))


def built_once(world: World, build: FollowedBuild) -> None:
    assert world.ends(build) == "success"
    assert world.row(build).state is ModuleState.READY
    assert set(submissions(world, build).values()) == {1}


def side_processes(world: World) -> Iterator[psutil.Process]:
    """The process that holds the tasks."""
    for process in supervisor.process(world.layout, "scheduler").children():
        with suppress(psutil.NoSuchProcess):
            if MODULE in process.cmdline():
                yield process


@pytest.mark.faults
def test_a_side_process_killed_between_submission_and_recording_builds_nothing_twice(world: World) -> None:
    world.packages("fragile")
    with world.fault("build_faults", [{"kind": "slow", "package": "fragile", "seconds": 10}]):
        build = world.paste(module("crash", {"fragile": {}}))
        # The macros and the package: Koji has it, and who submitted it has hardly had the time to write that down.
        world.api.until(lambda: len(submissions(world, build)) == 2, "the submission", interval=0.05)
        processes.kill(side_processes(world))
        built_once(world, build)


@pytest.mark.faults
def test_an_answer_that_is_lost_after_the_submission_builds_nothing_twice(world: World) -> None:
    world.packages("unheard")
    with world.fault("build_faults", [{"kind": "slow", "package": "module-build-macros", "seconds": 5}]):
        build = world.paste(module("silence", {"unheard": {}}))
        world.reaches(build, "macros.build.noarch", "running")
        with world.fault("drop_reply_percent", 40):
            world.api.until(lambda: submissions_recorded(world, build) == 2, "the submission", 180)
    built_once(world, build)


@pytest.mark.faults
def test_a_build_survives_the_death_of_postgresql_and_of_every_part_of_airflow(world: World) -> None:
    world.packages("sturdy", "steady")
    with world.fault("build_faults", [{"kind": "slow", "package": "st*dy", "seconds": 10}]):
        build = world.paste(module("endurance", {"sturdy": {}, "steady": {"buildorder": 1}}))
        world.is_in_koji(build, "sturdy")
        world.kill("postgres")
        world.becomes_ready()
        world.is_in_koji(build, "steady", seconds=300)
        world.kill("api-server", "scheduler", "dag-processor")
        world.becomes_ready()
    built_once(world, build)
    restarts = {name: status.restarts for name, status in manager.status(world.layout).items()}
    assert all(restarts[name] for name in ("postgres", "api-server", "scheduler", "dag-processor"))


@pytest.mark.faults
@pytest.mark.own_hub
def test_a_build_survives_an_outage_of_the_hub(world: World) -> None:
    world.packages("patient")
    with world.fault("build_faults", [{"kind": "slow", "package": "patient", "seconds": 10}]):
        build = world.paste(module("outage", {"patient": {}}))
        world.is_in_koji(build, "patient")
        supervisor.stop(world.layout, "devhub")
        time.sleep(OUTAGE_SECONDS)
        assert world.states(build)["batch_1.patient.x86_64"] in WAITING
        world.start("devhub")
    built_once(world, build)


def test_a_plan_that_cannot_be_read_breaks_its_own_dag_only_and_says_which(world: World) -> None:
    build = world.paste(module("damaged", {}))
    world.ends(build)
    with world.registry.engine.begin() as connection:
        connection.execute(
            text("UPDATE module_builds SET plan = '{}', plan_digest = 'changed' WHERE id = :id"), {"id": build.build_id}
        )
    [error] = world.api.until(lambda: world.api.call("GET", "importErrors")["import_errors"], "the import error", 60)
    assert str(build.plan.nsvc) in error["stack_trace"]
    healthy = world.paste(module("healthy", {}))
    assert world.ends(healthy) == "success"
