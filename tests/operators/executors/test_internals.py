"""What the executors use of Airflow that is not public: each test fails where Airflow has changed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow import logging_config
from airflow.configuration import conf
from airflow.executors.base_executor import BaseExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagbag import DBDagBag
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.sdk import DAG, BaseOperator, ObjectStoragePath
from airflow.utils.helpers import log_filename_template_renderer
from airflow.utils.log.file_task_handler import FileTaskHandler
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from operators.executors import internals
from operators.executors.execution_api import ApiRefused, ExecutionApi
from operators.executors.internals import HERE, Fate
from operators.executors.messages import Entry
from tests.operators.airflow_database import Run, start
from tests.operators.executors.conftest import ApiServer, new_job

pytestmark = pytest.mark.usefixtures("airflow_database", "jwt_secret")

CLASS = "operators.executors.process.ProcessExecutor"


@pytest.fixture
def run() -> Run:
    with DAG(f"internals-{uuid.uuid4().hex}", schedule=None) as dag:
        BaseOperator(task_id="a")
        BaseOperator(task_id="b")
    return start(dag)


@pytest.fixture
def job() -> int:
    return new_job()


def give(run: Run, task_id: str, job: int, state: TaskInstanceState = TaskInstanceState.RUNNING) -> TaskInstance:
    """Have a task queued by a scheduler, and in a state."""
    with create_session() as session:
        ti = session.merge(run.ti(task_id))
        ti.state, ti.queued_by_job_id, ti.try_number, ti.max_tries = state, job, 1, 5
        ti.start_date = ti.last_heartbeat_at = datetime.now(UTC) - timedelta(minutes=1)
    return run.ti(task_id)


def fate(run: Run, held: TaskInstance, job: int) -> Fate:
    [found] = internals.fates(job, {str(held.id): held.key}).values()
    assert run.ti(held.task_id) is not None
    return found


@pytest.mark.parametrize("written", [True, False])
def test_the_log_of_a_running_task_comes_from_its_file_and_a_log_server_is_asked_only_where_there_is_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    asked: list[str] = []

    def ask(_: object, __: object, path: str) -> tuple[list[str], list[str]]:
        asked.append(path)
        return [], []

    monkeypatch.setattr(FileTaskHandler, "_read_from_logs_server", ask)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", CLASS)
    run.set_state("a", TaskInstanceState.RUNNING)
    ti = run.ti("a")
    if written:
        path = Path(conf.get("logging", "base_log_folder"), log_filename_template_renderer()(ti=ti, try_number=0))
        path.parent.mkdir(parents=True)
        path.write_text('{"timestamp":"2026-11-27T11:00:00.000000Z","level":"info","event":"It is here."}\n')
    stream, _ = FileTaskHandler(conf.get("logging", "base_log_folder"))._read(ti, 0, None)
    events = [message if isinstance(message, str) else message.event for message in stream]
    assert (events.count("It is here."), HERE in events, len(asked)) == ((1, True, 0) if written else (0, False, 1))


def test_a_look_gives_what_runs_and_is_ours_and_whether_we_count_as_alive(run: Run, job: int) -> None:
    ours = give(run, "a", job)
    give(run, "b", new_job())
    found = internals.look(job)
    assert (found.running, found.is_alive) == (frozenset({str(ours.id)}), True)
    assert found.heartbeat is not None
    assert datetime.now(UTC) - found.heartbeat < timedelta(minutes=1)
    give(run, "a", job, TaskInstanceState.QUEUED)
    assert internals.look(job).running == frozenset()
    assert internals.look(-1) == internals.Look(frozenset(), None, is_alive=False)


def test_a_scheduler_that_another_one_declared_dead_stays_dead_until_it_is_revived(job: int) -> None:
    with create_session() as session:
        session.get_one(Job, job).latest_heartbeat = datetime.now(UTC) - timedelta(hours=1)
    other = SchedulerJobRunner(Job(job_type="SchedulerJob"), executors=[])
    other.adopt_or_reset_orphaned_tasks()
    assert not internals.look(job).is_alive
    with create_session() as session:
        dead = session.get_one(Job, job)
        session.expunge(dead)
    dead.heartbeat(lambda session: None)  # noqa: ARG005 # Airflow's form
    assert not internals.look(job).is_alive, "Airflow does it by itself now"
    internals.revive(job)
    assert internals.look(job).is_alive


def test_a_sign_of_life_reaches_what_runs_and_is_ours_and_waits_for_no_lock(run: Run, job: int) -> None:
    ours, locked = give(run, "a", job), give(run, "b", job)
    with locking(locked):
        internals.give_sign_of_life(job, [str(ours.id), str(locked.id)])
    assert [is_fresh(run, name) for name in ("a", "b")] == [True, False]
    internals.give_sign_of_life(new_job(), [str(locked.id)])
    assert not is_fresh(run, "b")


def is_fresh(run: Run, task_id: str) -> bool:
    """Whether a task gave a sign of life just now."""
    sign = run.ti(task_id).last_heartbeat_at
    assert sign is not None
    return datetime.now(UTC) - sign < timedelta(seconds=30)


@contextmanager
def locking(ti: TaskInstance) -> Iterator[None]:
    """Hold the lock of a task's row, in another thread, as an API server does for a while."""
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with create_session() as session:
            session.scalars(select(TaskInstance).where(TaskInstance.id == ti.id).with_for_update(of=TaskInstance)).one()
            locked.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(60)
    yield
    done.set()
    thread.join()


def test_what_became_of_a_task_is_told_apart(run: Run, job: int) -> None:
    held = give(run, "a", job)
    assert fate(run, held, job) is Fate.OURS
    assert fate(run, held, new_job()) is Fate.MOVED
    for state in (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED):
        give(run, "a", job, state)
        assert fate(run, held, job) is Fate.ENDED
    assert internals.fates(job, {"gone": held.key._replace(run_id="deleted")}) == {"gone": Fate.ENDED}


def test_a_running_task_that_is_cleared_gets_another_id_and_waits_for_its_end_to_run_again(run: Run, job: int) -> None:
    held = give(run, "a", job)
    with create_session() as session:
        clear_task_instances([session.merge(held)], session)
    assert (run.ti("a").state, run.ti("a").id != held.id) == (TaskInstanceState.RESTARTING, True)
    assert fate(run, held, job) is Fate.CLEARED
    executor = BaseExecutor()
    executor.change_state(held.key, TaskInstanceState.SUCCESS)
    with create_session() as session:
        SchedulerJobRunner.process_executor_events(executor, job, DBDagBag(), session)
    assert run.ti("a").state is None
    assert fate(run, held, job) is Fate.MOVED


@pytest.mark.parametrize(
    ("state", "is_known"),
    [(TaskInstanceState.RUNNING, True), (TaskInstanceState.RESTARTING, True), (TaskInstanceState.QUEUED, False)],
)
def test_what_is_adopted_is_known_from_the_database(
    run: Run, job: int, state: TaskInstanceState, is_known: bool
) -> None:
    give(run, "a", job, state)
    with create_session() as session:
        tis = session.scalars(select(TaskInstance).where(TaskInstance.queued_by_job_id == job)).all()
        [(ti, entry)] = internals.adopted(tis, BaseExecutor().jwt_generator)
    assert (entry.id, entry.dag_id, entry.task_id) == (str(ti.id), run.dag.dag_id, "a")
    assert entry.log.endswith("task_id=a/attempt=1.log")
    assert (entry.facts is not None) == is_known
    if entry.facts is not None:
        assert (entry.facts.max_tries, entry.facts.may_retry) == (5, True)
        assert entry.facts.started == pytest.approx(datetime.now(UTC).timestamp() - 60, abs=30)
        assert entry.facts.run_started == pytest.approx(datetime.now(UTC).timestamp(), abs=30)


def test_a_task_speaks_for_itself_with_a_token_of_the_scheduler_from_its_claim_to_its_end(
    run: Run, job: int, api_server: ApiServer
) -> None:
    ti = give(run, "a", job, TaskInstanceState.QUEUED)
    generator = BaseExecutor().jwt_generator
    entry = Entry(str(ti.id), ti.dag_id, ti.run_id, "a", "", internals.token_for(generator, str(ti.id)))
    api = ExecutionApi(api_server.url, internals.API_VERSION, host="here", user="me", pid=1)
    facts = api.claim(entry)
    assert (facts.max_tries, facts.may_retry, run.ti("a").state) == (5, True, TaskInstanceState.RUNNING)
    api.claim(entry)  # its answer was lost
    with pytest.raises(ApiRefused, match="409"):
        ExecutionApi(api_server.url, internals.API_VERSION, host="there", user="me", pid=2).claim(entry)
    api.leave(entry, {"a/key": {"some": ["thing", None]}})
    assert api.left(entry, ["a", "b"], "a/key") == [{"some": ["thing", None]}, None]
    assert api.states(entry) == {"a": "running", "b": None}
    api.end(entry, "up_for_retry")
    assert run.ti("a").state == TaskInstanceState.UP_FOR_RETRY
    with pytest.raises(ApiRefused, match="404"):
        api.end(entry, "success")


class Directory:
    """Remote logging into a directory, by Airflow's object storage."""

    processors = ()

    def __init__(self, path: Path) -> None:
        self.path = ObjectStoragePath(f"file://{path}")

    def upload(self, path: str, ti: Any = None) -> None:  # noqa: ARG002 # Airflow's form
        """Copy a log."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Path(conf.get("logging", "base_log_folder"), path).read_text())

    def read(self, relative_path: str, ti: Any) -> Any:
        """Not needed."""
        raise NotImplementedError


def test_a_log_is_brought_where_remote_logging_keeps_it(tmp_path: Path) -> None:
    active = logging_config._ActiveLoggingConfig
    before = (active.remote_task_log, active.default_remote_conn_id)
    assert not internals.keeps_logs_elsewhere()
    internals.upload_log("nowhere")
    active.set(Directory(tmp_path), None)  # type: ignore[arg-type] # what it reads is not needed
    try:
        assert internals.keeps_logs_elsewhere()
        path = Path(conf.get("logging", "base_log_folder"), "some", "attempt=1.log")
        path.parent.mkdir(parents=True)
        path.write_text("It is said.")
        internals.upload_log("some/attempt=1.log")
    finally:
        active.set(*before)
    assert (tmp_path / "some" / "attempt=1.log").read_text() == "It is said."


def test_a_cap_on_all_executors_is_what_their_slots_add_up_to() -> None:
    """The KojiExecutor gives room by a negative number of slots: the scheduler adds them up, and takes the rest."""
    asked: list[int] = []

    class Runner(SchedulerJobRunner):
        def _executable_task_instances_to_queued(self, max_tis: int, session: Any) -> list[TaskInstance]:  # noqa: ARG002
            asked.append(max_tis)
            return []

    class Busy(BaseExecutor):
        slots_occupied = 5

    class Roomy(BaseExecutor):
        slots_occupied = -40

    runner = Runner(Job(job_type="SchedulerJob"), executors=[Busy(), Roomy()])
    runner.job.max_tis_per_query = 64
    runner._parallelism = 8
    with create_session() as session:
        runner._critical_section_enqueue_task_instances(session)
    assert asked == [8 - 5 + 40]
