"""What runs of DAGs mean for module builds; the scheduler or the API server calls it, with its own database session.

A submission is refused where Airflow has no pool for its builds: no component would ever start, and none would fail. A
task cannot ask for pools; here it is asked when the run of the form begins, before its task is scheduled.

A module build is closed whose run ended as failed without `record_failure`: a person marked it so. Whoever holds its
tasks cancels in Koji what they wait for; so does this, since at that moment nobody may.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Thread
from typing import TypeVar

from airflow.listeners import hookimpl
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.pool import Pool
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select
from sqlalchemy.orm import object_session

from mbs.model.errors import MbsError, PoolMissing
from mbs.model.naming import KOJI_BUILDS, SUBMIT_DAG
from mbs.model.states import ModuleState
from mbs.planning.ids import dag_id
from mbs.planning.notes import sentence
from mbs.steps.ending import cancel_components
from operators.hooks import KojiHook, registry
from operators.listeners.notes import write

T = TypeVar("T")

log = logging.getLogger(__name__)

_MARKED = "manually set"
"""What Airflow says in its message where a person set the state."""

_EVENT = "patch_dag_run"
"""Name of the call in Airflow's audit log."""

UNKNOWN = "a person"


@hookimpl
def on_dag_run_running(dag_run: DagRun) -> None:
    """Let a submission that could never be built fail, with the reason as its note."""
    session = object_session(dag_run)
    if dag_run.dag_id != SUBMIT_DAG or session is None or Pool.get_pool(KOJI_BUILDS, session=session) is not None:
        return
    dag_run.note = str(PoolMissing(KOJI_BUILDS))
    for task in dag_run.get_task_instances(session=session):
        task.set_state(TaskInstanceState.FAILED, session=session)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Record the end of the module build behind a run, if it is one and nothing else did."""
    try:
        builds = _elsewhere(partial(_builds_of, dag_run.dag_id))
        if builds:
            who = _who(dag_run) if _MARKED in msg else None
            reason = f"Canceled by {who}" if who else f"Its run in Airflow failed: {msg}"
            _elsewhere(partial(_close, builds, reason, who or "airflow"))
            write(dag_run, sentence(reason))
    except MbsError as error:  # the run has ended all the same; upkeep reconciles
        log.warning("The module build of %s could not be closed: %s", dag_run.dag_id, error)


def _elsewhere(work: Callable[[], T]) -> T:
    """Do something in a thread of its own, and wait for it.

    Looking up a connection closes Airflow's database session of the thread, and here that is the scheduler's own.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _builds_of(run_of: str) -> list[int]:
    return [build.build_id for build in registry().builds.unfinished() if dag_id(build.nsvc) == run_of]


def _close(builds: list[int], reason: str, by: str) -> None:
    for build_id in builds:
        registry().builds.transition(build_id, ModuleState.FAILED, reason, by)
    Thread(target=_cancel, args=(builds, reason), name="cancel in Koji", daemon=True).start()


def _cancel(builds: list[int], reason: str) -> None:
    """Cancel what Koji still builds, and record it; what a hub that does not answer keeps is left to upkeep."""
    try:
        with KojiHook().get_impatient_conn() as hub:
            for build_id in builds:
                cancel_components(hub, registry(), build_id, reason)
    except MbsError as error:
        log.warning("What Koji builds for module builds %s could not be canceled: %s", builds, error)


def _who(dag_run: DagRun) -> str:
    """Give who marked the run, from the audit log that Airflow writes before it acts."""
    session = object_session(dag_run)
    if session is None:
        return UNKNOWN
    entries = select(Log.owner).where(Log.dag_id == dag_run.dag_id, Log.run_id == dag_run.run_id, Log.event == _EVENT)
    return session.scalars(entries.order_by(Log.id.desc()).limit(1)).first() or UNKNOWN
