"""A worker that is killed before its task runs takes nothing with it: the executor, and Airflow's scheduler over it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.executors import workloads
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, BaseOperator
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

from operators.executors.process import ProcessExecutor
from tests.operators.airflow_database import Run, start

pytestmark = pytest.mark.usefixtures("airflow_database")


@pytest.fixture
def silent_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """An execution API that takes a worker's call and does not answer: the task does not come to run."""
    calls: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, calls), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/execution/"
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", url)
        monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret that is long enough for every algorithm" * 2)
        yield calls
    for call in calls:
        call.close()


def _accept(server: socket.socket, calls: list[socket.socket]) -> None:
    try:
        while True:
            calls.append(server.accept()[0])
    except OSError:
        return


@pytest.fixture
def executor(silent_api: list[socket.socket]) -> Iterator[ProcessExecutor]:  # noqa: ARG001 # its environment
    """An executor for two tasks at a time."""
    made = ProcessExecutor(parallelism=2)  # type: ignore[no-untyped-call] # LocalExecutor has no annotations
    made.start()
    yield made
    for _, process in made._processes:
        process.kill()
    made.end()


@pytest.fixture
def run() -> Run:
    with DAG(f"lost-{uuid.uuid4().hex}", schedule=None) as dag:
        for name in ("a", "b", "c"):
            BaseOperator(task_id=name)
    return start(dag)


def queue(executor: ProcessExecutor, run: Run, task_id: str, job: Job | None = None) -> TaskInstance:
    """Queue a task as the scheduler does."""
    with create_session() as session:
        ti = session.merge(run.ti(task_id))
        ti.state, ti.queued_dttm = TaskInstanceState.QUEUED, datetime.now(UTC)
        ti.queued_by_job_id = job.id if job else None
        session.flush()
        workload = workloads.ExecuteTask.make(ti, generator=executor.jwt_generator)
        executor.queue_workload(workload, session=session)
    return run.ti(task_id)


def until(holds: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.1)


def kill_worker(executor: ProcessExecutor) -> None:
    """Kill the only worker, when it has taken its task and tells the API so."""
    [(_, process)] = executor._processes
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    executor.heartbeat()


def test_no_more_tasks_are_begun_than_there_are_slots_and_the_next_when_one_ends(
    executor: ProcessExecutor, run: Run, silent_api: list[socket.socket]
) -> None:
    for name in ("a", "b", "c"):
        queue(executor, run, name)
    executor.heartbeat()
    until(lambda: len(silent_api) >= 2)
    assert (len(executor._processes), len(executor.queued_tasks), executor.slots_available) == (2, 1, -1)
    os.kill(executor._processes[0][1].pid or 0, signal.SIGKILL)
    executor._processes[0][1].join()
    executor.heartbeat()
    executor.heartbeat()
    assert (len(executor._processes), len(executor.queued_tasks)) == (2, 0)


def test_a_task_whose_worker_was_killed_before_it_ran_is_taken_back_by_the_scheduler_and_runs_again(
    executor: ProcessExecutor, run: Run, silent_api: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT", "90")
    with create_session() as session:
        job = Job(job_type="SchedulerJob")
        session.add(job)
        session.flush()
        session.expunge(job)
    scheduler = SchedulerJobRunner(job, executors=[executor])
    ti = queue(executor, run, "a", job)
    executor.heartbeat()
    until(lambda: silent_api)
    kill_worker(executor)
    assert not executor.has_task(ti)
    assert executor.get_event_buffer() == {}
    scheduler._handle_tasks_stuck_in_queued()
    assert run.ti("a").state == TaskInstanceState.QUEUED, "its time is not over"
    with create_session() as session:
        session.merge(ti).queued_dttm = datetime.now(UTC) - timedelta(seconds=91)
    scheduler._handle_tasks_stuck_in_queued()
    assert run.ti("a").state == TaskInstanceState.SCHEDULED
    seen = len(silent_api)
    queue(executor, run, "a", job)
    executor.heartbeat()
    until(lambda: len(silent_api) > seen)


def test_a_worker_that_does_not_come_to_run_its_task_is_ended_when_that_is_taken_back(
    executor: ProcessExecutor, run: Run, silent_api: list[socket.socket]
) -> None:
    ti = queue(executor, run, "a")
    executor.heartbeat()
    until(lambda: silent_api)
    [(_, process)] = executor._processes
    executor.revoke_task(ti=ti)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert (executor._processes, executor.running, executor.get_event_buffer()) == ([], set(), {})


def test_a_worker_that_fails_by_itself_is_reported(
    executor: ProcessExecutor, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "no-url://")
    ti = queue(executor, run, "a")
    executor.heartbeat()
    [(_, process)] = executor._processes
    process.join(60)
    executor.heartbeat()
    assert {key: state for key, (state, _) in executor.get_event_buffer().items()} == {ti.key: TaskInstanceState.FAILED}
