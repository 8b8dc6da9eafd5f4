"""The scheduler's decisions about a module build: what Airflow itself decides, at the cost of what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from airflow.jobs.job import Job
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.settings import get_engine
from airflow.utils.session import create_session
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedComponent
from mbs.planning.graph import graph
from operators import scheduling
from operators.graph import module_build_dag
from tests.operators.airflow_database import start
from tests.operators.conftest import ARCHES, Allow, plan_of

pytestmark = pytest.mark.usefixtures("airflow_database")

States = Mapping[str, str | None]

OFTEN = (None, None, "success", "success", "running", "skipped", "failed")
STATES = (*OFTEN, "queued", "scheduled", "upstream_failed", "removed", "up_for_retry", "deferred", "awaiting_input")


def planned(batches: Mapping[str, int]) -> BuildPlan:
    source = f"https://src.example.org/rpms/x?#{'0' * 40}"
    components = tuple(
        PlannedComponent(name=name, source=source, ref="0" * 40, batch=batch, arches=ARCHES)
        for name, batch in batches.items()
    )
    return replace(plan_of(NSVC("scheduled", "1", 20261127120000, "c0ffee42"), 7), components=components)


PLAN = planned({"a": 1, "b": 1, "c": 2, "d": 2})
TASKS = tuple(node.task_id for node in graph(PLAN))
BEGUN = datetime(2026, 11, 27, tzinfo=UTC)
BATCH = slice(5, 9)
"""The builds of the first batch among the tasks."""


class Decision(NamedTuple):
    """What is decided about a run: what is ready, the state of the run and of each task."""

    ready: frozenset[str]
    run: str
    tasks: States


@pytest.fixture(scope="module", name="scheduled")
def _scheduled(request: pytest.FixtureRequest) -> SerializedDAG:
    """A module build with a run: two batches of two components for two arches."""
    request.getfixturevalue("airflow_database")
    dag = module_build_dag(PLAN)
    start(dag)
    found = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert isinstance(found, SerializedDAG)
    return found


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    unwrap()


def unwrap() -> None:
    for name, method in scheduling.AIRFLOWS.items():
        setattr(DagRun, name, method)


def decided(dag: SerializedDAG, states: States) -> Decision:
    """Let the scheduler decide about the run with its tasks in these states; nothing of it is kept."""
    with create_session() as session:
        run = put(session, dag, states)
        ready, _ = run.update_state(session=session, execute_callbacks=False)
        session.flush()
        found = Decision(frozenset(ti.task_id for ti in ready), str(run.state), states_of(session, dag))
        session.rollback()
    return found


def put(session: Session, dag: SerializedDAG, states: States) -> DagRun:
    of_run = update(TaskInstance).where(TaskInstance.dag_id == dag.dag_id)
    for state in {*states.values()}:
        those = [task_id for task_id, it in states.items() if it == state]
        session.execute(
            of_run.where(TaskInstance.task_id.in_(those)).values(state=state, start_date=BEGUN, end_date=BEGUN)
        )
    run = session.scalars(select(DagRun).where(DagRun.dag_id == dag.dag_id)).one()
    run.dag = dag
    return run


def states_of(session: Session, dag: SerializedDAG) -> States:
    query = select(TaskInstance.task_id, TaskInstance.state).where(TaskInstance.dag_id == dag.dag_id)
    return dict(session.execute(query).tuples().all())


def course(begun: int, now: list[str | None], elsewhere: Mapping[int, str | None]) -> States:
    """Give the states of a build that has come so far, with what is going on there, and what people did elsewhere."""
    states: dict[str, str | None] = dict.fromkeys(TASKS)
    states |= dict.fromkeys(TASKS[:begun], "success")
    states |= dict(zip(TASKS[begun:], now, strict=False))
    return states | {TASKS[number]: state for number, state in elsewhere.items()}


@given(
    begun=st.integers(0, len(TASKS)),
    now=st.lists(st.sampled_from(OFTEN), max_size=6),
    elsewhere=st.dictionaries(st.integers(0, len(TASKS) - 1), st.sampled_from(STATES), max_size=2),
)
def test_it_decides_what_airflow_decides(
    scheduled: SerializedDAG, begun: int, now: list[str | None], elsewhere: Mapping[int, str | None]
) -> None:
    states = course(begun, now, elsewhere)
    unwrap()
    by_airflow = decided(scheduled, states)
    assert scheduling.wrap()
    assert decided(scheduled, states) == by_airflow


@pytest.mark.parametrize("ended", [0, 1, 3])
def test_a_run_whose_tasks_are_at_work_costs_one_query(scheduled: SerializedDAG, ended: int) -> None:
    scheduling.wrap()
    with create_session() as session:
        run = put(session, scheduled, course(BATCH.start + ended, ["running"] * (4 - ended), {}))
        before = run.last_scheduling_decision
        asked = statements(lambda: run.update_state(session=session, execute_callbacks=False))
        assert [text.partition("FROM")[0].split() for text in asked] == [
            ["SELECT", "task_instance.task_id,", "task_instance.state"]
        ]
        assert run.last_scheduling_decision != before
        session.rollback()


def test_what_comes_after_a_gate_is_not_evaluated_before_it_is_open(
    scheduled: SerializedDAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[str] = []
    met = TaskInstance.are_dependencies_met

    def noted(self: TaskInstance, *args: Any, **kwargs: Any) -> bool:
        evaluated.append(self.task_id)
        return met(self, *args, **kwargs)

    monkeypatch.setattr(TaskInstance, "are_dependencies_met", noted)
    scheduling.wrap()
    found = decided(scheduled, course(BATCH.stop, [], {}))
    assert found.ready == {"batch_1.repo"}
    assert evaluated == ["batch_1.repo"]


def test_other_dags_are_left_to_airflow() -> None:
    with DAG("other", schedule=None) as dag:
        BaseOperator(task_id="one") >> BaseOperator(task_id="two")
    other = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert not scheduling.is_module_build(other)


def test_a_setting_leaves_everything_to_airflow(allow: Allow) -> None:
    allow(schedule_from_states="False")
    scheduling.on_starting(Job())
    assert methods() == scheduling.AIRFLOWS
    allow(schedule_from_states="True")
    scheduling.on_starting(Job())
    assert not methods().items() & scheduling.AIRFLOWS.items()


def test_an_airflow_with_other_methods_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def update_state(self: DagRun, *, session: Session, at: float) -> None: ...

    monkeypatch.setattr(scheduling, "AIRFLOWS", {**scheduling.AIRFLOWS, "update_state": update_state})
    before = methods()
    assert not scheduling.wrap()
    assert methods() == before
    assert "at its own cost" in caplog.text


def methods() -> dict[str, Any]:
    return {name: getattr(DagRun, name) for name in scheduling.AIRFLOWS}


def statements(work: Any) -> list[str]:
    """Do something and give the statements that Airflow's database was sent."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)
    return seen
