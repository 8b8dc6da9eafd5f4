"""What the executors use of Airflow that is not public: each test fails where Airflow has changed."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from airflow.configuration import conf
from airflow.sdk import DAG, BaseOperator
from airflow.utils.helpers import log_filename_template_renderer
from airflow.utils.log.file_task_handler import FileTaskHandler
from airflow.utils.state import TaskInstanceState

from operators.executors.internals import HERE
from tests.operators.airflow_database import Run, start

pytestmark = pytest.mark.usefixtures("airflow_database")

CLASS = "operators.executors.process.ProcessExecutor"


@pytest.fixture
def run() -> Run:
    with DAG(f"internals-{uuid.uuid4().hex}", schedule=None) as dag:
        BaseOperator(task_id="a")
    return start(dag)


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
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret that is long enough for every algorithm" * 2)
    run.set_state("a", TaskInstanceState.RUNNING)
    ti = run.ti("a")
    if written:
        path = Path(conf.get("logging", "base_log_folder"), log_filename_template_renderer()(ti=ti, try_number=0))
        path.parent.mkdir(parents=True)
        path.write_text('{"timestamp":"2026-11-27T11:00:00.000000Z","level":"info","event":"It is here."}\n')
    stream, _ = FileTaskHandler(conf.get("logging", "base_log_folder"))._read(ti, 0, None)
    events = [message if isinstance(message, str) else message.event for message in stream]
    assert (events.count("It is here."), HERE in events, len(asked)) == ((1, True, 0) if written else (0, False, 1))
