"""Refuses a submission where Airflow has no pool for its builds: no component would ever start, and none would fail.

A task cannot ask for pools. This listener can, which the scheduler calls with its own database session when the run of
the form begins, before its task is scheduled.
"""

from __future__ import annotations

from airflow.listeners import hookimpl
from airflow.models.dagrun import DagRun
from airflow.models.pool import Pool
from airflow.utils.state import TaskInstanceState
from sqlalchemy.orm import object_session

from mbs.model.errors import PoolMissing
from mbs.model.naming import KOJI_BUILDS, SUBMIT_DAG


@hookimpl
def on_dag_run_running(dag_run: DagRun) -> None:
    """Let the run fail with the reason as its note."""
    session = object_session(dag_run)
    if dag_run.dag_id != SUBMIT_DAG or session is None or Pool.get_pool(KOJI_BUILDS, session=session) is not None:
        return
    dag_run.note = str(PoolMissing(KOJI_BUILDS))
    for task in dag_run.get_task_instances(session=session):
        task.set_state(TaskInstanceState.FAILED, session=session)
