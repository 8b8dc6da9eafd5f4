"""What tasks and triggers leave in Airflow, and what it makes of it: its own database, execution API and triggerer."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.bases.operatorlink import BaseOperatorLink
from airflow.serialization.definitions.operatorlink import XComOperatorLink
from airflow.triggers.base import TaskSuccessEvent
from airflow.utils.state import TaskInstanceState
from asgiref.sync import SyncToAsync
from structlog.testing import capture_logs

from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.registry import Registry
from operators import links
from operators.tasks.component import BuildComponentOperator
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from operators.triggers import REPO_ID, RepoTrigger
from operators.triggers import base as pollers
from tests.conftest import RunningHub
from tests.operators.airflow_database import Run, Triggerer, forget_triggers, move, new_triggerer_job, start
from tests.operators.conftest import AirflowRun, NewPlan

pytestmark = pytest.mark.usefixtures("airflow_database", "nothing_waits")

BUILD = "batch_2.tool.x86_64"
GATES = ("batch_1.a.repo", "batch_1.b.repo")


class Gate(BaseOperator):
    """A gate that waits for its repository in the triggerer, or has one at once."""

    def __init__(self, *, repo_id: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.repo_id = repo_id

    def execute(self, context: Any) -> None:
        if self.repo_id is not None:
            context["ti"].xcom_push(REPO_ID, self.repo_id)
            return
        trigger = RepoTrigger(koji_conn_id="koji_default", request_id=1, event=1, deadline=time.time() + 60)
        self.defer(trigger=trigger, method_name="execute")


@pytest.fixture
def nothing_waits() -> Iterator[None]:
    yield
    forget_triggers()


@pytest.fixture
def plan(run: AirflowRun, new_plan: NewPlan) -> BuildPlan:
    """A module build whose tags exist."""
    made = new_plan(("tool", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=made)) == "success"
    return made


@pytest.fixture
def slow(running_hub: RunningHub) -> Iterator[None]:
    """Have the builds last."""
    running_hub.set_fault("build_faults", [{"kind": "slow", "package": "tool", "seconds": 600}])
    yield
    running_hub.set_fault("build_faults", None)


def begin(plan: BuildPlan, *gates: BaseOperator) -> Run:
    """Begin a run with these gates and a component behind them."""
    with DAG(f"module-{uuid.uuid4().hex}", schedule=None) as dag:
        for gate in gates:
            dag.add_task(gate)
        names = [gate.task_id for gate in gates]
        BuildComponentOperator(task_id=BUILD, plan=plan, component="tool", arch="x86_64", gates=names)
    return start(dag)


def tool(registry: Registry, plan: BuildPlan) -> Any:
    return next(row for row in registry.components.of(plan.build_id) if row.name == "tool")


def requested_repository(running_hub: RunningHub, registry: Registry, plan: BuildPlan) -> object:
    """Give the repository that Koji was asked to build on."""
    return running_hub.admin().getTaskInfo(tool(registry, plan).task_id, request=True)["request"][2].get("repo_id")


@pytest.mark.parametrize(
    ("left", "newest"),
    [
        pytest.param(("trigger 99", "trigger 100"), 100, id="both waited"),
        pytest.param(("worker 99", "trigger 100"), 100, id="one was there at once"),
        pytest.param(("worker 100", "trigger 99"), 100, id="the one that was there at once is newer"),
        pytest.param((None, "trigger 99"), 99, id="one was cleared"),
        pytest.param((None, None), None, id="none has any"),
    ],
)
@pytest.mark.usefixtures("slow")
def test_a_component_is_built_on_the_gates_newest_repository_whoever_left_its_number(
    running_hub: RunningHub, plan: BuildPlan, registry: Registry, left: tuple[str | None, ...], newest: int | None
) -> None:
    numbers = {name: what.split() if what else (None, 0) for name, what in zip(GATES, left, strict=True)}
    run = begin(
        plan, *(Gate(task_id=name, repo_id=int(n) if who == "worker" else None) for name, (who, n) in numbers.items())
    )
    for name, (who, number) in numbers.items():
        run.execute(name)
        if who == "trigger":
            run.fire(name, TaskSuccessEvent(xcoms={REPO_ID: int(number)}))
            assert run.ti(name).state == TaskInstanceState.SUCCESS
    run.execute(BUILD)
    assert run.ti(BUILD).state == TaskInstanceState.DEFERRED
    found = requested_repository(running_hub, registry, plan)
    assert (found, type(found)) == (newest, type(newest))


def link_of(run: Run, link: BaseOperatorLink) -> str:
    """Give a link as the API server gives it."""
    return XComOperatorLink(name=link.name, xcom_key=link.xcom_key).get_link(None, ti_key=run.ti(BUILD).key)  # type: ignore[arg-type] # unused


@pytest.mark.usefixtures("slow")
def test_a_task_that_waits_has_its_links_as_they_come_and_logs_no_error_for_those_to_come(
    plan: BuildPlan, registry: Registry
) -> None:
    run = begin(plan)
    with capture_logs() as logs:
        run.execute(BUILD)
    assert [line for line in logs if line["log_level"] in {"error", "critical", "warning"}] == []
    task, build, log = (
        link_of(run, link) for link in (links.KojiTaskLink(), links.KojiBuildLink(), links.KojiLogsLink())
    )
    assert task.endswith(f"taskinfo?taskID={tool(registry, plan).task_id}")
    assert (build, log) == ("", "")
    run.fire(
        BUILD, TaskSuccessEvent(xcoms={links.BUILD_URL: "https://koji.example.org/7", links.LOGS_URL: "https://k/"})
    )
    assert link_of(run, links.KojiBuildLink()) == "https://koji.example.org/7"
    assert link_of(run, links.KojiLogsLink()) == "https://k/"


@pytest.fixture
def triggerer(plan: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Triggerer]:  # noqa: ARG001 # its environment
    """A triggerer; threads that other tests have begun are not in its process."""
    monkeypatch.setattr(pollers, "_pollers", {})
    monkeypatch.setattr(SyncToAsync, "single_thread_executor", ThreadPoolExecutor(1))
    made = Triggerer()
    yield made
    made.stop()


def trigger_log(run: Run) -> str:
    """Give what a run's trigger has logged."""
    folder = Path(os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])
    return "".join(log.read_text() for log in folder.glob(f"dag_id={run.dag.dag_id}/**/*.trigger.*"))


def waiting(plan: BuildPlan, triggerer: Triggerer) -> tuple[Run, int]:
    """Have a task wait in the triggerer; gives its run and its trigger."""
    run = begin(plan)
    run.execute(BUILD)
    trigger = run.ti(BUILD).trigger_id
    assert trigger is not None
    triggerer.until(lambda: "Koji: build" in trigger_log(run))
    return run, trigger


@pytest.mark.usefixtures("slow")
def test_a_wait_that_moves_to_another_triggerer_cancels_nothing(
    plan: BuildPlan, registry: Registry, running_hub: RunningHub, triggerer: Triggerer
) -> None:
    run, trigger = waiting(plan, triggerer)
    move(trigger, new_triggerer_job())
    triggerer.until(lambda: trigger not in triggerer.waits)
    assert "Another triggerer waits for" in trigger_log(run)
    assert run.ti(BUILD).state == TaskInstanceState.DEFERRED
    assert running_hub.admin().getTaskInfo(tool(registry, plan).task_id)["state"] in {0, 1, 4}
    assert tool(registry, plan).state is ComponentState.BUILDING


@pytest.mark.usefixtures("slow")
def test_a_wait_that_a_person_ends_cancels_the_build(
    plan: BuildPlan, registry: Registry, running_hub: RunningHub, triggerer: Triggerer
) -> None:
    run, _ = waiting(plan, triggerer)
    run.set_state(BUILD, TaskInstanceState.FAILED)
    triggerer.until(lambda: tool(registry, plan).state is ComponentState.CANCELED)
    assert running_hub.admin().getTaskInfo(tool(registry, plan).task_id)["state"] == 3
