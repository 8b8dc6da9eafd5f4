"""What is held goes on, whoever dies; what a person ends is ended in Koji; nobody touches what is another's."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import koji
import psutil
import pytest

from mbs.registry import ModuleState
from tests.e2e.test_crashes import built_once, side_processes
from tests.e2e.world import World, module
from tools.stack import supervisor
from tools.stack.client import FollowedBuild
from tools.stack.layout import checkout

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.faults]

STARTING_SECONDS = 25
STOPPED_SECONDS = 45
"""Others adopt what a stopped scheduler holds after at most 25."""
CLICK_SECONDS = 10
CANCELED = koji.TASK_STATES["CANCELED"]


@contextmanager
def held(world: World, package: str, seconds: int = 30) -> Iterator[tuple[FollowedBuild, str]]:
    """A module build whose package is being built by Koji for a while, and one of the tasks that are held for it."""
    world.packages(package)
    with world.fault("build_faults", [{"kind": "slow", "package": package, "seconds": seconds}]):
        build = world.paste(module(f"holds-{package}", {package: {}}))
        world.is_in_koji(build, package)
        task = f"batch_1.{package}.x86_64"
        world.reaches(build, task, "running")
        yield build, task


def side_process(world: World) -> psutil.Process:
    """The process that holds the tasks."""
    [found] = side_processes(world)
    return found


def tries(world: World, build: FollowedBuild) -> set[int]:
    return {task.tries for task in world.tasks(build).values() if task.state == "success"}


@contextmanager
def another_scheduler(world: World) -> Iterator[subprocess.Popen[bytes]]:
    """A second scheduler, started by hand."""
    command = (sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs")
    environment = world.layout.environment()
    log = (world.layout.home / "var" / "log" / "second-scheduler.log").open("ab")
    with log, subprocess.Popen(command, env=environment, cwd=checkout(), stdout=log, stderr=log) as process:
        try:
            time.sleep(STARTING_SECONDS)
            assert process.poll() is None, "the second scheduler has ended"
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_what_a_killed_scheduler_held_goes_on_within_half_a_minute(world: World) -> None:
    with held(world, "passed-on", 45) as (build, task):
        old = side_process(world).pid
        world.kill("scheduler")
        world.api.until(lambda: _holds(world, old), "the new scheduler to hold it", 60)
        assert world.states(build)[task] == "running"
        built_once(world, build)
    assert tries(world, build) == {1}


def _holds(world: World, old: int) -> bool:
    try:
        return side_process(world).pid != old
    except (ValueError, psutil.NoSuchProcess):
        return False


def test_a_scheduler_that_was_stopped_for_a_while_touches_nothing_of_what_another_one_has(world: World) -> None:
    with held(world, "contested", STOPPED_SECONDS + 75) as (build, task), another_scheduler(world):
        frozen = [supervisor.process(world.layout, "scheduler"), side_process(world)]
        for process in frozen:
            process.suspend()
        time.sleep(STOPPED_SECONDS)
        assert world.states(build)[task] == "running"
        for process in frozen:
            process.resume()
        time.sleep(15)
        assert world.states(build)[task] == "running"
        assert not _canceled(world, build)
        other = world.paste(module("meanwhile", {}))
        assert world.ends(other) == "success"
        built_once(world, build)
    assert tries(world, build) == {1}


def _canceled(world: World, build: FollowedBuild) -> bool:
    return any(task["state"] == CANCELED for task in world.build_tasks(build))


def _clear(world: World, build: FollowedBuild, task: str) -> None:
    fields = {"dry_run": False, "task_ids": [task], "dag_run_id": build.run_id, "only_failed": False}
    world.api.call("POST", f"dags/{build.dag_id}/clearTaskInstances", json=fields)


def _mark(state: str) -> Callable[[World, FollowedBuild, str], None]:
    def mark(world: World, build: FollowedBuild, task: str) -> None:
        path = f"dags/{build.dag_id}/dagRuns/{quote(build.run_id)}/taskInstances/{task}"
        world.api.call("PATCH", path, json={"new_state": state})

    return mark


def _fail_run(world: World, build: FollowedBuild, task: str) -> None:  # noqa: ARG001 # as the others
    world.api.mark_run(build.dag_id, build.run_id, "failed")


def _delete_run(world: World, build: FollowedBuild, task: str) -> None:
    _fail_run(world, build, task)  # Airflow deletes no run that is running
    world.delete_run(build)


@pytest.mark.parametrize(
    ("package", "click"),
    [
        ("cleared", _clear),
        ("failed", _mark("failed")),
        ("succeeded", _mark("success")),
        ("run-failed", _fail_run),
        ("run-deleted", _delete_run),
    ],
)
def test_what_a_person_ends_is_canceled_in_koji_within_ten_seconds(
    world: World, package: str, click: Callable[[World, FollowedBuild, str], None]
) -> None:
    with held(world, package, 300) as (build, task):
        click(world, build, task)
        world.api.until(lambda: _canceled(world, build), "the build to be canceled", CLICK_SECONDS, interval=0.5)
    if click is _clear:
        world.reaches(build, task, "success")
        assert world.tasks(build)[task].tries == 2
        assert len(world.build_tasks(build)) == 3, "the macros, what was canceled, and what was built again"


def test_an_api_server_that_is_away_for_a_while_costs_nothing_but_time(world: World) -> None:
    with held(world, "unhurried", 20) as (build, _):
        supervisor.stop(world.layout, "api-server")
        time.sleep(25)
        world.start("api-server")
        built_once(world, build)
    assert tries(world, build) == {1}


def test_two_schedulers_share_the_work_and_build_nothing_twice(world: World) -> None:
    names = [f"shared-{number}" for number in range(6)]
    world.packages(*names)
    with another_scheduler(world):
        builds = [world.paste(module(f"both-{number}", {name: {} for name in names})) for number in range(2)]
        for build in builds:
            built_once(world, build)
            assert tries(world, build) == {1}


def test_a_pool_that_becomes_smaller_is_not_exceeded_by_what_comes_next(world: World) -> None:
    names = [f"narrow-{number}" for number in range(6)]
    world.packages(*names)
    with world.pool(2):
        build = world.paste(module("narrow", {name: {"buildorder": int(name[-1]) // 3} for name in names}))
        world.reaches(build, "batch_1.repo", "running", "success", seconds=240)
        world.resize_pool(1)
        assert world.ends(build) == "success"
    assert world.most_arch_builds([build]) <= 2
    assert world.row(build).state is ModuleState.READY


def test_the_log_of_a_held_task_is_seen_while_it_is_held_and_tells_no_password(world: World) -> None:
    with held(world, "chatty", 15) as (build, task):
        text = world.api.until(lambda: world.api.log(build.dag_id, build.run_id, task), "its log", 20)
        assert "Koji" in text
        built_once(world, build)
    assert "chatty is built for x86_64." in world.api.log(build.dag_id, build.run_id, task)
