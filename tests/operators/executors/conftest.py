"""A scheduler's database and an API server as they are, for the executors."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

import pytest
import requests
import uvicorn
from airflow.api_fastapi.app import create_app
from airflow.executors import executor_loader as loader
from airflow.jobs.job import Job, JobState
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.pool import Pool
from airflow.utils.session import create_session

from operators.executors.internals import API_VERSION
from operators.executors.koji import KojiExecutor

SECRET = "a secret that is long enough for every algorithm" * 2


@cache
def execution_app() -> Any:
    """Make the application once: its first answer takes long, since each version of the API is made then."""
    return create_app(apps="execution")


class ApiServer:
    """Airflow's Execution API on a port of its own; it can be away for a while."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/execution/"
        self.start()

    def start(self) -> None:
        """Serve."""
        self.server = uvicorn.Server(
            uvicorn.Config(execution_app(), host="127.0.0.1", port=self.port, log_level="warning")
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)
        self._wake()

    def _wake(self) -> None:
        """Ask for the first time, which takes long."""
        asked = requests.get(
            f"{self.url}task-instances/states",
            params={"dag_id": "any"},
            headers={"Airflow-API-Version": API_VERSION},
            timeout=180,
        )
        assert asked.status_code == HTTPStatus.UNAUTHORIZED

    def stop(self) -> None:
        """Serve no more."""
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(30)


def until(holds: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.05)


@pytest.fixture
def jwt_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret of tokens, which every part of Airflow knows."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", SECRET)
    monkeypatch.setenv("AIRFLOW__API__SECRET_KEY", SECRET)


@pytest.fixture
def api_server(
    airflow_database: None,  # noqa: ARG001 # it serves that
    jwt_secret: None,  # noqa: ARG001 # its environment
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ApiServer]:
    """An API server for one test."""
    server = ApiServer()
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", server.url)
    yield server
    server.stop()


def new_job() -> int:
    """Make the database's entry of a scheduler that has just given a sign of life."""
    with create_session() as session:
        job = Job(job_type="SchedulerJob")
        job.state = JobState.RUNNING
        session.add(job)
        session.flush()
        return int(job.id)


EXECUTORS = "operators.executors.process.ProcessExecutor,operators.executors.koji.KojiExecutor"


class Scheduler:
    """Airflow's scheduler with our executors, one loop at a time."""

    def __init__(self) -> None:
        with create_session() as session:
            self.job = Job(job_type="SchedulerJob")
            self.job.state = JobState.RUNNING
            session.add(self.job)
            session.flush()
            session.expunge(self.job)
        self.runner = SchedulerJobRunner(self.job)
        self.executors = self.runner.executors
        for executor in self.executors:
            executor.job_id = self.job.id
            executor.start()

    @property
    def koji(self) -> KojiExecutor:
        """The executor that holds tasks."""
        [found] = [each for each in self.executors if isinstance(each, KojiExecutor)]
        return found

    def loop(self, *, plan: bool = True) -> None:
        """Make a loop; without planning only the executors do something."""
        if plan:
            with create_session() as session:
                self.runner._do_scheduling(session)
                session.expunge_all()
        for executor in self.executors:
            executor.heartbeat()
        with create_session() as session:
            for executor in self.executors:
                self.runner._process_executor_events(executor, session)
        self.give_sign_of_life()

    def give_sign_of_life(self) -> None:
        """Say every few seconds that it is there."""
        if self.job.latest_heartbeat is None or datetime.now(UTC) - self.job.latest_heartbeat > timedelta(seconds=5):
            self.job.heartbeat(lambda session: None)  # noqa: ARG005 # Airflow's form

    def until(self, holds: Callable[[], Any], seconds: float = 120, *, plan: bool = True) -> None:
        """Make loops until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "It did not happen."
            self.loop(plan=plan)

    @property
    def side(self) -> int:
        """The number of the side process."""
        assert self.koji._side is not None
        return self.koji._side.pid

    def die(self) -> None:
        """End without a word, as one that is killed."""
        self.koji.terminate()
        self.fall_silent()

    def fall_silent(self) -> None:
        """Have it given its last sign of life long ago."""
        with create_session() as session:
            session.get_one(Job, self.job.id).latest_heartbeat = datetime.now(UTC) - timedelta(minutes=2)

    def adopt(self) -> None:
        """Look for what schedulers have left that are gone."""
        self.runner.adopt_or_reset_orphaned_tasks()

    @property
    def is_alive(self) -> bool:
        """Whether no other scheduler has declared it dead."""
        with create_session() as session:
            return session.get_one(Job, self.job.id).state == JobState.RUNNING

    def stop(self) -> None:
        """End."""
        for executor in self.executors:
            executor.end()


@pytest.fixture
def schedulers(
    api_server: ApiServer,  # noqa: ARG001 # it serves their tasks
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], Scheduler]]:
    """Start schedulers for one test."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", EXECUTORS)
    known: list[Any] = [
        loader._alias_to_executors_per_team,
        loader._module_to_executors_per_team,
        loader._classname_to_executors_per_team,
        loader._team_name_to_executors,
        loader._executor_names,
    ]
    for names in known:
        names.clear()
    started: list[Scheduler] = []

    def start() -> Scheduler:
        started.append(Scheduler())
        return started[-1]

    yield start
    for scheduler in started:
        scheduler.stop()


@pytest.fixture
def pools(airflow_database: None) -> None:  # noqa: ARG001 # in it
    """The pools that tasks need."""
    with create_session() as session:
        for name, slots in (("default_pool", 128), ("koji_builds", 50)):
            if Pool.get_pool(name, session=session) is None:
                session.add(Pool(pool=name, slots=slots, description="", include_deferred=True))
