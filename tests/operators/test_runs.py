"""What is used of Airflow to end a run, and the application that its API server mounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.plugins_manager import AirflowPlugin
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from mbs.model.naming import PREFIX
from mbs.model.nsvc import NSVC
from mbs.model.users import User
from mbs.planning.ids import dag_id
from mbs.settings import Settings
from operators import hooks, web
from operators.graph import module_build_dag
from operators.runs import AirflowRuns
from plugins.module_build_service import ModuleBuildServicePlugin
from tests.operators.airflow_database import start
from tests.operators.conftest import plan_of

SAM = User(name="sam", way="oidc")


@pytest.mark.usefixtures("airflow_database")
def test_the_run_of_a_canceled_build_fails_with_all_that_it_has_not_done() -> None:
    plan = plan_of(NSVC("ended", "1", 20261127120000, "c0ffee42"), 7)
    run = start(module_build_dag(plan))
    run.set_state("prepare.create_tag", TaskInstanceState.SUCCESS)
    run.set_state("prepare.link_dependencies", TaskInstanceState.RUNNING)
    AirflowRuns().fail(dag_id(plan.nsvc), "Canceled by sam.", SAM)
    with create_session() as session:
        [ended] = session.scalars(select(DagRun).where(DagRun.dag_id == run.dag.dag_id)).all()
        assert (ended.state, ended.note) == (DagRunState.FAILED, "Canceled by sam.")
    assert run.ti("prepare.create_tag").state == TaskInstanceState.SUCCESS
    assert run.ti("prepare.link_dependencies").state == TaskInstanceState.FAILED, "which whoever holds it sees"
    with create_session() as session:
        left = select(TaskInstance.task_id).where(TaskInstance.dag_id == run.dag.dag_id, TaskInstance.state.is_(None))
        assert not session.scalars(left).all(), "nothing is left that could be scheduled"


@pytest.mark.usefixtures("airflow_database")
def test_a_run_that_has_ended_and_one_that_never_was_are_left_alone() -> None:
    plan = plan_of(NSVC("before", "1", 20261127120000, "c0ffee42"), 8)
    run = start(module_build_dag(plan))
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.dag_id == run.dag.dag_id).values(state=DagRunState.SUCCESS))
    AirflowRuns().fail(dag_id(plan.nsvc), "Canceled by sam.", SAM)
    AirflowRuns().fail("nothing.of.that.name", "Canceled by sam.", SAM)
    with create_session() as session:
        [ended] = session.scalars(select(DagRun).where(DagRun.dag_id == run.dag.dag_id)).all()
        assert (ended.state, ended.note) == (DagRunState.SUCCESS, None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """What Airflow's API server mounts, of a process that has not been asked yet."""
    monkeypatch.setattr(web.application, "_made", None)
    whole = FastAPI()
    [mounted] = ModuleBuildServicePlugin.fastapi_apps
    whole.mount(str(mounted["url_prefix"]), mounted["app"])
    yield TestClient(whole)
    web.application._made = None


def test_the_plugin_mounts_the_api(server: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert issubclass(ModuleBuildServicePlugin, AirflowPlugin)
    monkeypatch.setattr(hooks, "settings", Settings)
    assert server.get(f"{PREFIX}/1/about/").json()["api_version"] == 2
    assert server.post(f"{PREFIX}/1/module-builds/", json={}).status_code == 401


def test_wrong_settings_are_told_and_looked_at_again(
    server: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hooks, "settings", lambda: Settings.from_mapping({"auth": "magic"}))
    answer = server.get(f"{PREFIX}/1/about/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json()["message"] == web.UNUSABLE, "strangers learn nothing of them"
    assert "magic is none of" in caplog.text
    monkeypatch.setattr(web, "AGAIN", 0.0)
    monkeypatch.setattr(web.application, "_again", 1e-9)
    monkeypatch.setattr(hooks, "settings", Settings)
    assert server.get(f"{PREFIX}/1/about/").status_code == 200
