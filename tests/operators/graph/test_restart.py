"""A module build that is asked for again has another run, and that is all that changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pendulum
import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.registry import StoredPlan
from operators.bundle import source_of
from operators.graph import module_build_dag
from tests.operators.graph.conftest import component_at, plan_of

FIRST = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
AGAIN = datetime(2026, 11, 22, 17, 0, 0, 5, tzinfo=UTC)


@pytest.fixture
def example() -> BuildPlan:
    return plan_of([component_at("libgreet")])


def test_the_scheduler_sees_a_run_after_the_first_one(example: BuildPlan) -> None:
    first, again = pendulum.instance(FIRST), pendulum.instance(AGAIN)
    made = module_build_dag(example, submitted=FIRST.isoformat(), restarted=AGAIN.isoformat())
    dag = DagSerialization.from_dict(DagSerialization.to_dict(made))

    def after(last: pendulum.DateTime) -> pendulum.DateTime | None:
        info = dag.timetable.next_dagrun_info(
            last_automated_data_interval=DataInterval.exact(last), restriction=dag._time_restriction
        )
        return info.run_after if info else None

    assert after(first) == again
    assert after(again) is None


def test_the_tasks_stay_the_same(example: BuildPlan) -> None:
    dag, again = module_build_dag(example), module_build_dag(example, restarted=AGAIN.isoformat())
    assert (again.dag_id, again.task_ids) == (dag.dag_id, dag.task_ids)


def test_the_first_run_has_the_time_of_the_submission(example: BuildPlan) -> None:
    assert module_build_dag(example, submitted=FIRST.isoformat()).start_date == FIRST


def test_the_file_names_the_times_that_there_are() -> None:
    nsvc = NSVC("greeter", "1", 1, "c0ffee42")
    asked_again = source_of(StoredPlan(1, nsvc, "{}", "", FIRST, AGAIN))
    assert f"(plan, submitted='{FIRST.isoformat()}', restarted='{AGAIN.isoformat()}')" in asked_again
    assert f"(plan, submitted='{FIRST.isoformat()}')" in source_of(StoredPlan(1, nsvc, "{}", "", FIRST))
