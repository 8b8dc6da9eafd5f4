"""Module builds through the executor that holds their tasks: the scheduler, its side process, the Execution API."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.configuration import conf
from airflow.models.asset import AssetEvent
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from mbs.koji.session import HubSession
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState, ModuleState
from mbs.planning.ids import MARK_READY, NOTE
from mbs.planning.notes import Failure
from mbs.registry import Registry
from mbs.steps.tasks import FAILURE
from operators.executors.koji import CANCELED
from operators.graph import module_build_dag
from tests.conftest import RunningHub
from tests.operators.airflow_database import Run, start
from tests.operators.conftest import NewPlan
from tests.operators.executors.conftest import ApiServer, Scheduler

pytestmark = pytest.mark.usefixtures("airflow_database", "pools")

NewScheduler = Callable[[], Scheduler]
HELD = "batch_1.tool.x86_64"


def states(run: Run) -> dict[str, str | None]:
    with create_session() as session:
        found = select(TaskInstance).where(TaskInstance.dag_id == run.dag.dag_id, TaskInstance.run_id == run.run_id)
        return {ti.task_id: ti.state for ti in session.scalars(found)}


def run_state(run: Run) -> str:
    with create_session() as session:
        found = select(DagRun.state).where(DagRun.dag_id == run.dag.dag_id, DagRun.run_id == run.run_id)
        return str(session.scalars(found).one())


def build_tasks(hub: HubSession, plan: BuildPlan) -> list[dict[str, Any]]:
    tasks = hub.call("listTasks", {"method": "build", "decode": True}, {"order": "-id", "limit": 500})
    return [task for task in tasks if task["request"][1] == plan.target]


def submissions(hub: HubSession, plan: BuildPlan) -> Counter[str]:
    return Counter(task["request"][0].rsplit("/", 1)[-1] for task in build_tasks(hub, plan))


def log_of(run: Run, task_id: str, attempt: int = 1) -> list[dict[str, Any]]:
    folder = Path(conf.get("logging", "base_log_folder"), f"dag_id={run.dag.dag_id}", f"run_id={run.run_id}")
    text = (folder / f"task_id={task_id}" / f"attempt={attempt}.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def ends_well(scheduler: Scheduler, run: Run, hub: HubSession, plan: BuildPlan, tries: int = 1) -> None:
    """The build becomes ready, nothing is built twice, and no task was tried again."""
    scheduler.until(lambda: run_state(run) in {"success", "failed"}, 240)
    assert run_state(run) == "success", states(run)
    assert set(submissions(hub, plan).values()) == {1}
    assert run.ti(HELD).try_number == tries


@contextmanager
def slow(running_hub: RunningHub, seconds: float) -> Iterator[None]:
    """Have Koji take its time for one package."""
    running_hub.set_fault("build_faults", [{"kind": "slow", "package": "tool", "seconds": seconds}])
    try:
        yield
    finally:
        running_hub.set_fault("build_faults", None)


@pytest.fixture
def plan(new_plan: NewPlan) -> BuildPlan:
    return new_plan(("tool", 1))


@pytest.fixture
def run(plan: BuildPlan, schedulers: NewScheduler) -> Run:  # noqa: ARG001 # the configuration counts for the DAG
    return start(module_build_dag(plan))


def held(scheduler: Scheduler, run: Run, hub: HubSession, plan: BuildPlan) -> None:
    """Come to where Koji builds the package and both of its tasks are held."""
    scheduler.until(lambda: len(build_tasks(hub, plan)) == 2 and states(run)[HELD] == "running")


def canceled(hub: HubSession, plan: BuildPlan) -> bool:
    return any(task["state"] == 3 for task in build_tasks(hub, plan))


def test_a_module_build_goes_through(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, hub: HubSession, registry: Registry
) -> None:
    ends_well(schedulers(), run, hub, plan)
    assert registry.builds.get(plan.build_id).state is ModuleState.READY
    assert {state for task, state in states(run).items() if task != "record_failure"} == {"success"}
    assert all(line["level"] == "info" and line["event"] for line in log_of(run, HELD))
    assert run.xcom(MARK_READY, NOTE).startswith(f"{plan.nsvc} is ready.")
    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_dag_id == run.dag.dag_id)).all()
    assert [event.extra["nsvc"] for event in events] == 2 * [str(plan.nsvc)], "its stream's, and that of all modules"


def test_a_side_process_that_is_killed_or_stopped_is_replaced_and_nothing_is_built_twice(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, hub: HubSession, running_hub: RunningHub
) -> None:
    scheduler = schedulers()
    with slow(running_hub, 15):
        held(scheduler, run, hub, plan)
        before = scheduler.side
        os.kill(before, signal.SIGKILL)
        ends_well(scheduler, run, hub, plan)
    assert scheduler.side != before


def test_what_a_dead_scheduler_held_goes_on_under_the_next(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, hub: HubSession, running_hub: RunningHub
) -> None:
    first = schedulers()
    with slow(running_hub, 15):
        held(first, run, hub, plan)
        first.die()
        second = schedulers()
        second.adopt()
        ends_well(second, run, hub, plan)


def test_a_scheduler_that_was_stopped_for_a_while_touches_nothing_of_what_another_has_adopted(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, hub: HubSession, running_hub: RunningHub
) -> None:
    first = schedulers()
    with slow(running_hub, 40):
        held(first, run, hub, plan)
        os.kill(first.side, signal.SIGSTOP)
        first.fall_silent()
        second = schedulers()
        second.adopt()
        second.until(lambda: states(run)[HELD] == "running")
        time.sleep(12)  # what was confirmed to the first is over
        os.kill(first.side, signal.SIGCONT)
        first.until(lambda: not first.koji.running, plan=False)
        assert states(run)[HELD] == "running"
        assert not canceled(hub, plan)
        assert first.is_alive
        ends_well(second, run, hub, plan)


def test_a_held_task_that_is_cleared_is_canceled_in_koji_and_built_again(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, hub: HubSession, running_hub: RunningHub
) -> None:
    scheduler = schedulers()
    with slow(running_hub, 300):
        held(scheduler, run, hub, plan)
        with create_session() as session:
            clear_task_instances([session.merge(run.ti(HELD))], session)
        scheduler.until(lambda: canceled(hub, plan), 10)
    scheduler.until(lambda: run_state(run) in {"success", "failed"}, 240)
    assert run.ti(HELD).try_number == 2
    assert log_of(run, HELD)[-2]["event"] == CANCELED


@pytest.mark.parametrize("state", [TaskInstanceState.FAILED, TaskInstanceState.SUCCESS])
def test_a_held_task_that_is_marked_is_canceled_in_koji(
    schedulers: NewScheduler,
    run: Run,
    plan: BuildPlan,
    hub: HubSession,
    running_hub: RunningHub,
    registry: Registry,
    state: TaskInstanceState,
) -> None:
    scheduler = schedulers()
    with slow(running_hub, 300):
        held(scheduler, run, hub, plan)
        run.set_state(HELD, state)
        scheduler.until(lambda: canceled(hub, plan), 10)
    assert run.ti(HELD).state == state
    scheduler.until(lambda: _row(registry, plan).state is ComponentState.CANCELED, 10)


def _row(registry: Registry, plan: BuildPlan) -> Any:
    [row] = [row for row in registry.components.of(plan.build_id) if row.name == "tool"]
    return row


def test_what_a_run_that_is_deleted_was_building_is_canceled(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, hub: HubSession, running_hub: RunningHub
) -> None:
    scheduler = schedulers()
    with slow(running_hub, 300):
        held(scheduler, run, hub, plan)
        with create_session() as session:
            session.delete(
                session.scalars(
                    select(DagRun).where(DagRun.dag_id == run.dag.dag_id, DagRun.run_id == run.run_id)
                ).one()
            )
        scheduler.until(lambda: canceled(hub, plan), 10)


def test_an_end_that_airflow_cannot_be_told_is_told_when_the_api_server_is_back_with_a_token_of_then(
    schedulers: NewScheduler,
    run: Run,
    plan: BuildPlan,
    hub: HubSession,
    running_hub: RunningHub,
    api_server: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME", "10")
    scheduler = schedulers()
    with slow(running_hub, 5):
        held(scheduler, run, hub, plan)
        api_server.stop()
        end = time.monotonic() + 20
        scheduler.until(lambda: time.monotonic() > end)
        assert states(run)[HELD] == "running"
        api_server.start()
        ends_well(scheduler, run, hub, plan)


def test_a_task_that_no_module_build_has_fails_with_the_reason(
    schedulers: NewScheduler, run: Run, plan: BuildPlan, registry: Registry
) -> None:
    with registry.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE module_builds SET context = 'elsewhere' WHERE id = %s", (plan.build_id,))
    scheduler = schedulers()
    scheduler.until(lambda: states(run)["prepare.create_tag"] == "failed")
    reason = f"The registry has no module build for the DAG {run.dag.dag_id}."
    assert log_of(run, "prepare.create_tag")[-1]["event"] == reason
    assert Failure.read(run.xcom("prepare.create_tag", FAILURE)).reason == reason


def test_a_task_that_cannot_be_claimed_in_time_is_forgotten(
    schedulers: NewScheduler, run: Run, api_server: ApiServer
) -> None:
    scheduler = schedulers()
    api_server.stop()
    scheduler.until(lambda: scheduler.koji.running)
    ti = run.ti("prepare.create_tag")
    scheduler.koji.revoke_task(ti=ti)
    assert not scheduler.koji.has_task(ti)
    assert scheduler.koji.get_event_buffer() == {}


@pytest.mark.usefixtures("run")
def test_held_tasks_take_no_slots_of_the_parallelism(schedulers: NewScheduler) -> None:
    scheduler = schedulers()
    scheduler.until(lambda: scheduler.koji.running)
    room = conf.getint("scheduler", "max_tis_per_query")
    assert (scheduler.koji.slots_occupied, scheduler.koji.slots_available > 1000) == (-room, True)
