"""How the log of a task ends: with sentences, and with a traceback only where the service has a defect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

Logs = dict[str, list[dict[str, Any]]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def logs() -> Logs:
    """Run the cases of `tests.operators.worker`; give what the log of each says as errors."""
    environ = {**os.environ, "AIRFLOW_HOME": str(ROOT), "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins")}
    command = [sys.executable, "-m", "tests.operators.worker"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = (part.splitlines() for part in done.stdout.split("# ")[1:])
    every = {name: [json.loads(line) for line in lines] for name, *lines in parts}
    return {name: [line for line in lines if line["level"] in {"error", "critical"}] for name, lines in every.items()}


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("refused by koji", "Koji refused build: policy violation"),
        ("away", "The registry does not answer."),
        ("form", "Refused: line 3: no \\x1b[31mlicense\nno stream"),
        ("rejected", "alice did not approve it."),
    ],
)
def test_what_is_no_defect_of_the_service_ends_a_log_with_its_sentence_and_no_frames(
    logs: Logs, case: str, sentence: str
) -> None:
    lines = logs[case]
    assert lines[-1]["event"] == sentence
    assert not any("error_detail" in line or "exception" in line for line in lines)
    assert not any("Traceback" in json.dumps(line) for line in lines)


@pytest.mark.parametrize("case", ["defect", "forbidden"])
def test_a_defect_of_the_service_shows_where_it_is(logs: Logs, case: str) -> None:
    first, *others = logs[case]
    assert any("worker.py" in json.dumps(line) for line in others)
    assert first["event"] == "the end of \\x1b[31mbuild.log\\u202e"


def test_the_log_of_a_task_that_is_not_ours_is_left_alone(logs: Logs) -> None:
    last = logs["stranger"][-1]
    assert last["event"] == "Task failed with exception"
    assert "worker.py" in json.dumps(last)
