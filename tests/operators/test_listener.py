"""A run that a person ends closes its module build."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from mbs.model.errors import RegistryUnavailable
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState, ModuleState
from mbs.planning.ids import dag_id
from mbs.registry import ComponentRow, Registry
from operators.listeners import runs
from operators.tasks.component import BuildComponentOperator
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from tests.conftest import RunningHub
from tests.operators.conftest import AirflowRun, NewPlan

T = TypeVar("T")
UNKNOWN_TASK = 10**6
"""Of Koji: nothing of another test is canceled."""
MARKED = "Dag Run's state was manually set to `failed`."


@pytest.fixture
def build(new_plan: NewPlan, registry: Registry) -> BuildPlan:
    plan = new_plan(("tool", 1))
    with registry.component(plan.build_id, "tool") as component:
        component.intend("me")
        component.submitted(UNKNOWN_TASK)
    return plan


def tools(registry: Registry, plan: BuildPlan) -> list[ComponentRow]:
    return [row for row in registry.components.of(plan.build_id) if row.name == "tool"]


def until(find: Callable[[], T | None], seconds: float = 30) -> T:
    """Wait for what happens in a thread of its own."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := find()) is not None:
            return found
        time.sleep(0.05)
    pytest.fail("It did not happen.")


def run_of(plan: BuildPlan) -> Any:
    return SimpleNamespace(dag_id=dag_id(plan.nsvc), run_id="run", dag_run_note=None, note=None)


@pytest.mark.parametrize(
    ("who", "reason"), [("carol", "Canceled by carol"), (None, "Canceled by a person")], ids=["known", "unknown"]
)
def test_a_run_that_a_person_marks_failed_is_a_canceled_build(
    build: BuildPlan, registry: Registry, monkeypatch: pytest.MonkeyPatch, who: str | None, reason: str
) -> None:
    found = SimpleNamespace(scalars=lambda _: SimpleNamespace(first=lambda: who))
    monkeypatch.setattr(runs, "object_session", lambda _: found)
    run = run_of(build)
    runs.on_dag_run_failed(run, MARKED)
    closed = registry.builds.get(build.build_id)
    assert run.note == reason
    assert (closed.state, closed.state_reason) == (ModuleState.FAILED, reason)
    canceled = until(lambda: next((row for row in tools(registry, build) if row.reason), None))
    assert (canceled.state, canceled.reason) == (ComponentState.CANCELED, reason)


def test_what_a_hub_that_is_away_still_builds_is_left_to_upkeep(
    build: BuildPlan, registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KOJI_DEFAULT", "koji://mbs:mbs@127.0.0.1:9/kojihub")
    monkeypatch.setattr(runs, "object_session", lambda _: None)
    runs.on_dag_run_failed(run_of(build), MARKED)
    until(lambda: "could not be canceled" in caplog.text or None)
    assert registry.builds.get(build.build_id).state is ModuleState.FAILED
    assert [row.state for row in tools(registry, build)] == [ComponentState.BUILDING]


@pytest.mark.usefixtures("build")
def test_a_run_of_another_dag_closes_nothing(build: BuildPlan, registry: Registry) -> None:
    runs.on_dag_run_failed(SimpleNamespace(dag_id="submit_module", run_id="run"), MARKED)  # type: ignore[arg-type] # all it reads
    assert registry.builds.get(build.build_id).state is ModuleState.WAIT


def test_what_record_failure_wrote_is_kept(build: BuildPlan, registry: Registry) -> None:
    registry.builds.transition(build.build_id, ModuleState.FAILED, "tool failed", "task record_failure")
    runs.on_dag_run_failed(run_of(build), "task_failure")
    assert registry.builds.get(build.build_id).state_reason == "tool failed"


def test_a_registry_that_is_away_stops_nobody(build: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise RegistryUnavailable("no answer")

    monkeypatch.setattr(runs, "registry", away)
    runs.on_dag_run_failed(run_of(build), MARKED)


def test_what_koji_has_built_is_complete_also_where_the_run_is_marked_failed(
    run: AirflowRun,
    new_plan: NewPlan,
    registry: Registry,
    running_hub: RunningHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = new_plan(("tool", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
    task = BuildComponentOperator(task_id="t", plan=plan, component="tool", arch="x86_64")
    run.hold(task)
    koji_task_id = tools(registry, plan)[0].task_id
    until(lambda: running_hub.admin().getTaskInfo(koji_task_id)["state"] == 2 or None)
    monkeypatch.setattr(runs, "object_session", lambda _: None)
    runs.on_dag_run_failed(run_of(plan), MARKED)
    (row,) = until(lambda: [row for row in tools(registry, plan) if row.state is not ComponentState.BUILDING] or None)
    assert (row.state, row.nvr, row.reason) == (ComponentState.COMPLETE, f"tool-1-1.{plan.dist}", None)
