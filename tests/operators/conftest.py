"""A run of a module build without Airflow's services: contexts and XComs, over a real hub and registry."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from airflow.models.xcom import XComModel
from airflow.sdk import BaseOperator
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.settings import dispose_orm
from sqlalchemy import Engine

from mbs.koji.session import HubAccount, HubSession
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.steps.follower import Follower
from operators import hooks
from operators.tasks import base
from operators.tasks.base import ModuleBuildOperator
from operators.tasks.component import BuildMacrosOperator
from operators.tasks.gate import RepoSensor
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from tests.conftest import RunningHub
from tests.module_builds import ARCHES, NewPlan, new_plan, plan_of
from tests.operators.airflow_database import connect

__all__ = ["ARCHES", "NewPlan", "new_plan", "plan_of"]


@dataclass
class TaskInstance:
    """What an operator asks of Airflow's task instance."""

    run: AirflowRun
    task: BaseOperator
    max_tries: int
    dag_id: str = "module"
    run_id: str = "run"
    id: UUID = field(default_factory=uuid4)

    @property
    def task_id(self) -> str:
        return str(self.task.task_id)

    def xcom_push(self, key: str, value: Any) -> None:
        self.run.xcoms[self.task_id, key] = json.loads(json.dumps(BaseXCom.serialize_value(value)))

    def xcom_pull(self, *, task_ids: Iterable[str], key: str) -> list[Any]:
        return [self.run.xcoms.get((task_id, key)) for task_id in task_ids]

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        return {self.run_id: dict(self.run.states)}


@dataclass
class AirflowRun:
    """Runs tasks, each by itself, as an executor does that knows nothing of module builds."""

    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    clears: dict[str, int] = field(default_factory=dict)
    outlet_events: dict[Any, SimpleNamespace] = field(default_factory=dict)
    """What tasks say with the assets that they change, by the asset."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    held: ExitStack = field(default_factory=ExitStack)

    def finish(self, task: BaseOperator) -> str:
        """Run a task to its end; gives its state."""
        return self._ended(task, lambda: task.execute(self.context(task)))

    def hold(self, task: ModuleBuildOperator) -> Follower:
        """Begin a task as far as Koji lets it; gives what holds it."""
        self.states[task.task_id] = "running"
        follower = self.held.enter_context(task.following(self.context(task)))
        while not follower.due and follower.held:
            self.go_on(task, follower)
        return follower

    def go_on(self, task: ModuleBuildOperator, follower: Follower) -> None:
        """Make a round."""
        for _, ended in follower.step():
            self._ended(task, partial(base.end, self.context(task), ended))

    def until_ended(self, task: ModuleBuildOperator, follower: Follower) -> str:
        """Go on with what is held, to its end; gives the task's state."""
        while follower.held:
            self.go_on(task, follower)
            time.sleep(follower.due)
        return self.states[task.task_id]

    def _ended(self, task: BaseOperator, work: Callable[[], object]) -> str:
        self.states[task.task_id] = "running"
        try:
            work()
        except AirflowSkipException:
            self.states[task.task_id] = "skipped"
        except AirflowFailException as error:
            self.states[task.task_id] = "failed"
            self.errors[task.task_id] = str(error)
        else:
            self.states[task.task_id] = "success"
        return self.states[task.task_id]

    def xcom(self, task_id: str, key: str) -> Any:
        """Give an XCom as Airflow's UI shows it."""
        return XComModel.deserialize_value(SimpleNamespace(value=self.xcoms[task_id, key]))

    def clear(self, *tasks: BaseOperator) -> None:
        """Clear tasks, as a person does."""
        for task in tasks:
            self.clears[task.task_id] = self.clears.get(task.task_id, 0) + 1
            self.xcoms = {key: value for key, value in self.xcoms.items() if key[0] != task.task_id}
            self.states.pop(task.task_id, None)

    def context(self, task: BaseOperator) -> Any:
        max_tries = (task.retries or 0) + self.clears.get(task.task_id, 0)
        return {
            "ti": TaskInstance(self, task, max_tries),
            "dag_run": self,
            "outlet_events": self.outlet_events,
        }

    @property
    def start_date(self) -> datetime:
        return self.started


@pytest.fixture(scope="session")
def airflow_database(empty_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have Airflow use a database of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path_factory.mktemp("airflow")))
        connect(empty_database_url, patch)
        yield
        dispose_orm()


@pytest.fixture
def run() -> Iterator[AirflowRun]:
    made = AirflowRun()
    with made.held:
        yield made


@pytest.fixture
def account(running_hub: RunningHub) -> HubAccount:
    return HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")


@pytest.fixture
def hub(account: HubAccount) -> Iterator[HubSession]:
    with HubSession(account) as session:
        yield session


@pytest.fixture(autouse=True)
def connections(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Airflow know the hub and the registry, for the tests that use them."""
    monkeypatch.setenv("AIRFLOW__MBS__KOJI_POLL_INTERVAL", "0.2")
    monkeypatch.setenv("AIRFLOW__MBS__BASE_MODULE_NAMES", "platform")
    hooks.settings.cache_clear()
    hooks._of_process.cache_clear()
    if "running_hub" in request.fixturenames:
        url = request.getfixturevalue("running_hub").url
        connection = {"conn_type": "koji", "host": url, "login": "mbs", "password": "mbs"}
        monkeypatch.setenv("AIRFLOW_CONN_KOJI_DEFAULT", json.dumps(connection))
    if "registry_engine" in request.fixturenames:
        engine: Engine = request.getfixturevalue("registry_engine")
        url = engine.url.set(drivername="postgres").render_as_string(hide_password=False)
        monkeypatch.setenv("AIRFLOW_CONN_MBS_REGISTRY", _connection_json(engine))


def _connection_json(engine: Engine) -> str:
    url = engine.url
    socket = url.query.get("host")
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": url.host or socket,
            "login": url.username,
            "password": url.password,
            "port": url.port,
            "schema": url.database,
        }
    )


def prepare(run: AirflowRun, plan: BuildPlan) -> None:
    """Make the tags, the macros and their repository."""
    for task in (
        CreateTagOperator(task_id="create_tag", plan=plan),
        LinkDependenciesOperator(task_id="link_dependencies", plan=plan),
        BuildMacrosOperator(task_id="macros.build", plan=plan),
        RepoSensor(task_id="macros.repo", plan=plan, poke_interval=0.2),
    ):
        assert run.finish(task) == "success", run.errors


@pytest.fixture
def plan() -> BuildPlan:
    """A plan that is not recorded anywhere."""
    return plan_of(NSVC("greeter", "1", 20261122160000, "c0ffee42"), 7)


class Allow(Protocol):
    """Sets who may do what: settings by their names."""

    def __call__(self, **settings: str) -> None: ...


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Allow:
    """Give the function that sets who may do what."""

    def given(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"AIRFLOW__MBS__{name.upper()}", value)
        hooks.settings.cache_clear()

    return given
