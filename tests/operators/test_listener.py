"""A run that a person ends closes its module build."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mbs.plan import BuildPlan
from mbs.registry import Registry
from mbs.registry.states import ComponentState, ModuleState
from operators import listener
from operators.identifiers import dag_id

MARKED = "Dag Run's state was manually set to `failed`."


@pytest.fixture
def build(new_plan: Callable[..., BuildPlan], registry: Registry) -> BuildPlan:
    plan = new_plan(("tool", 1))
    with registry.component(plan.build_id, "tool") as component:
        component.intend()
        component.submitted(1)
    return plan


def run_of(plan: BuildPlan) -> Any:
    return SimpleNamespace(dag_id=dag_id(plan.nsvc), run_id="run")


@pytest.mark.parametrize(
    ("who", "reason"), [("carol", "Canceled by carol"), (None, "Canceled by a person")], ids=["known", "unknown"]
)
def test_a_run_that_a_person_marks_failed_is_a_canceled_build(
    build: BuildPlan, registry: Registry, monkeypatch: pytest.MonkeyPatch, who: str | None, reason: str
) -> None:
    found = SimpleNamespace(scalars=lambda _: SimpleNamespace(first=lambda: who))
    monkeypatch.setattr(listener, "object_session", lambda _: found)
    listener.on_dag_run_failed(run_of(build), MARKED)
    closed = registry.build(build.build_id)
    assert (closed.state, closed.state_reason) == (ModuleState.FAILED, reason)
    tool = next(row for row in registry.components(build.build_id) if row.name == "tool")
    assert (tool.state, tool.reason) == (ComponentState.CANCELED, reason)


@pytest.mark.usefixtures("build")
def test_a_run_of_another_dag_closes_nothing(build: BuildPlan, registry: Registry) -> None:
    listener.on_dag_run_failed(SimpleNamespace(dag_id="submit_module", run_id="run"), MARKED)  # type: ignore[arg-type] # all it reads
    assert registry.build(build.build_id).state is ModuleState.WAIT


def test_what_record_failure_wrote_is_kept(build: BuildPlan, registry: Registry) -> None:
    registry.transition(build.build_id, ModuleState.FAILED, "tool failed", "task record_failure")
    listener.on_dag_run_failed(run_of(build), "task_failure")
    assert registry.build(build.build_id).state_reason == "tool failed"


def test_a_registry_that_is_away_stops_nobody(build: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    from mbs.errors import RegistryAway  # noqa: PLC0415 # used here alone

    def away(*_: Any) -> Any:
        raise RegistryAway("no answer")

    monkeypatch.setattr(listener, "registry", away)
    listener.on_dag_run_failed(run_of(build), MARKED)
