"""Closes a module build whose run ended as failed without `record_failure`: a person marked it so.

Called by the scheduler or the API server, with their own database session. The triggers cancel in Koji what they wait
for; so does this, since a trigger that no triggerer had taken up yet is dropped without a word.
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
from sqlalchemy import select
from sqlalchemy.orm import object_session

from mbs.koji.session import IMPATIENT, HubSession
from mbs.model.errors import MbsError
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
    return [build.build_id for build in registry().unfinished_builds() if dag_id(build.nsvc) == run_of]


def _close(builds: list[int], reason: str, by: str) -> None:
    for build_id in builds:
        registry().transition(build_id, ModuleState.FAILED, reason, by)
    Thread(target=_cancel, args=(builds, reason), name="cancel in Koji", daemon=True).start()


def _cancel(builds: list[int], reason: str) -> None:
    """Cancel what Koji still builds, and record it; what a hub that is away keeps is left to upkeep."""
    try:
        with HubSession(KojiHook().account, delays=IMPATIENT) as hub:
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
