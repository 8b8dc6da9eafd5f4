"""What the executors use of Airflow that is not public, each with a test that fails when Airflow changes.

The tests are in `tests/operators/executors/test_internals.py`; docs/decisions/0070 says why each is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from airflow.configuration import conf
from airflow.jobs.job import Job, JobState
from airflow.logging_config import get_remote_task_log
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.sdk.api.datamodels._generated import API_VERSION
from airflow.utils.helpers import log_filename_template_renderer
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import joinedload, object_session

from operators.executors.messages import Entry, Facts, LogFolder

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.tokens import JWTGenerator

__all__ = ["API_VERSION"]

HERE = "The task's log is a file of this machine."

HEALTHY = JobState.RUNNING


@dataclass(frozen=True, slots=True)
class Look:
    """What Airflow's database says of a scheduler and its tasks."""

    running: frozenset[str]
    """Ids of the task instances that run and are this scheduler's."""
    heartbeat: datetime | None
    """The scheduler's last sign of life."""
    is_alive: bool
    """Whether no other scheduler has declared it dead."""


class Fate(Enum):
    """What became of a task that we held."""

    OURS = auto()
    """It runs, and is ours."""
    MOVED = auto()
    """Another scheduler has it, or another try of it has begun."""
    ENDED = auto()
    """A person marked it, or deleted its run."""
    CLEARED = auto()
    """A person cleared it, and Airflow waits for its end to run it again."""


def local_log(ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
    """Answer `get_task_log` for a running task whose log lies on this machine: where it is, and nothing of its text.

    The UI reads the files of its own machine by itself; an executor that names a source only keeps it from asking a
    log server, too, which then need not run.
    """
    path = Path(conf.get_mandatory_value("logging", "base_log_folder"), log_path(ti, try_number))
    return ([HERE], []) if path.is_file() else ([], [])


def log_path(ti: TaskInstance, try_number: int | None = None) -> str:
    """Give the path of a task's log below the folder of all logs."""
    return log_filename_template_renderer()(ti=ti, try_number=try_number or ti.try_number)


def log_folder() -> LogFolder:
    """Give where the logs of tasks are, and the modes of what is made there."""
    mode = {
        kind: int(conf.get("logging", f"file_task_handler_new_{kind}_permissions", fallback=default), 8)
        for kind, default in (("folder", "0o775"), ("file", "0o664"))
    }
    return LogFolder(conf.get_mandatory_value("logging", "base_log_folder"), mode["folder"], mode["file"])


def upload_log(path: str) -> None:
    """Bring a log that has ended where remote logging keeps it; without that do nothing."""
    remote = get_remote_task_log()
    if remote is not None:
        remote.upload(path, None)


def keeps_logs_elsewhere() -> bool:
    """Tell whether remote logging is configured."""
    return get_remote_task_log() is not None


def token_for(generator: JWTGenerator, task: str) -> str:
    """Give a token with which a task speaks for itself at the Execution API, also before it is claimed."""
    return generator.generate(extras={"sub": task, "scope": "execution"})


def look(job: int) -> Look:
    """Look at a scheduler and its tasks, all as of one moment, and without locking anything."""
    with create_session() as session:
        row = session.execute(select(Job.latest_heartbeat, Job.state).where(Job.id == job)).one_or_none()
        running = select(TaskInstance.id).where(
            TaskInstance.state == TaskInstanceState.RUNNING, TaskInstance.queued_by_job_id == job
        )
        ids = frozenset(map(str, session.scalars(running)))
    if row is None:
        return Look(ids, None, is_alive=False)
    return Look(ids, row.latest_heartbeat, row.state == JobState.RUNNING)


def give_sign_of_life(job: int, tasks: Collection[str]) -> None:
    """Give a sign of life of tasks that run and are this scheduler's.

    It waits for no row that somebody else has locked, so that it can be no part of a deadlock; the next sign does.
    """
    if not tasks:
        return
    ids = list(map(UUID, tasks))
    free = (
        select(TaskInstance.id)
        .where(
            TaskInstance.id.in_(ids),
            TaskInstance.state == TaskInstanceState.RUNNING,
            TaskInstance.queued_by_job_id == job,
        )
        .with_for_update(skip_locked=True, of=TaskInstance)
    )
    sign = update(TaskInstance).where(TaskInstance.id.in_(free)).values(last_heartbeat_at=datetime.now(UTC))
    with create_session() as session:
        session.execute(sign.execution_options(synchronize_session=False))


def revive(job: int) -> None:
    """Let a scheduler count as alive again that another one declared dead; what that took over stays with it.

    Airflow leaves it dead for ever: others would go on to take from it what it begins from now on.
    """
    with create_session() as session:
        session.execute(
            update(Job)
            .where(Job.id == job, Job.state == JobState.FAILED)
            .values(state=JobState.RUNNING, latest_heartbeat=datetime.now(UTC))
        )


def fates(job: int, held: Mapping[str, TaskInstanceKey]) -> dict[str, Fate]:
    """Find out what became of tasks, given by their ids with their keys."""
    found: dict[tuple[str, str, str, int], TaskInstance] = {}
    primaries = [key.primary for key in held.values()]
    columns = (TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.run_id, TaskInstance.map_index)
    with create_session() as session:
        for ti in session.scalars(select(TaskInstance).where(tuple_(*columns).in_(primaries))):
            found[ti.key.primary] = ti
        return {task: _fate(job, task, found.get(key.primary)) for task, key in held.items()}


def _fate(job: int, task: str, ti: TaskInstance | None) -> Fate:
    if ti is None:
        return Fate.ENDED
    if ti.queued_by_job_id != job:
        return Fate.MOVED
    if str(ti.id) == task:
        return Fate.OURS if ti.state == TaskInstanceState.RUNNING else Fate.ENDED
    return Fate.CLEARED if ti.state == TaskInstanceState.RESTARTING else Fate.MOVED


def adopted(tis: Sequence[TaskInstance], generator: JWTGenerator) -> Iterable[tuple[TaskInstance, Entry]]:
    """Give what a side process has to know of tasks of another scheduler; the scheduler has loaded only their names."""
    session = object_session(tis[0]) if tis else None
    if session is None:
        return
    whole = select(TaskInstance).where(TaskInstance.id.in_([ti.id for ti in tis]))
    whole = whole.options(joinedload(TaskInstance.dag_run)).execution_options(populate_existing=True)
    for ti in session.scalars(whole).unique():
        task = str(ti.id)
        known = None if ti.state == TaskInstanceState.QUEUED else _facts(ti)
        yield ti, Entry(task, ti.dag_id, ti.run_id, ti.task_id, log_path(ti), token_for(generator, task), known)


def _facts(ti: TaskInstance) -> Facts:
    run_started = ti.dag_run.start_date
    return Facts(
        max_tries=ti.max_tries,
        may_retry=ti.max_tries != 0 and ti.try_number <= ti.max_tries,
        started=(ti.start_date or datetime.now(UTC)).timestamp(),
        run_started=run_started.timestamp() if run_started else None,
    )
