"""The logs of held tasks are what Airflow's UI reads, and hold no secrets."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from operators.executors.messages import LogFolder
from operators.executors.task_log import TaskLogs

PATH = "dag_id=a/run_id=b/attempt=1.log"


@pytest.fixture
def logs(tmp_path: Path) -> TaskLogs:
    return TaskLogs(LogFolder(str(tmp_path / "logs"), 0o750, 0o640), ["hunter22", None, "hunter22-long", "abc"])


def lines(tmp_path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (tmp_path / "logs" / PATH).read_text().splitlines()]


def test_each_sentence_is_a_line_of_its_own_behind_what_is_there(logs: TaskLogs, tmp_path: Path) -> None:
    logs.write(PATH, "It begins.")
    logs.write(PATH, "It fails:\nin two lines.", level="error")
    assert [(line["level"], line["event"]) for line in lines(tmp_path)] == [
        ("info", "It begins."),
        ("error", "It fails:\nin two lines."),
    ]
    assert all(line["timestamp"].endswith("Z") for line in lines(tmp_path))


def test_secrets_are_masked_the_longest_first_and_short_ones_are_words(logs: TaskLogs, tmp_path: Path) -> None:
    logs.write(PATH, "hunter22-long, hunter22 and abc")
    assert lines(tmp_path)[0]["event"] == "***, *** and abc"


def test_what_acts_on_a_terminal_is_written_out(logs: TaskLogs, tmp_path: Path) -> None:
    logs.write(PATH, "\x1b[31mred")
    assert lines(tmp_path)[0]["event"] == "\\x1b[31mred"


def test_files_and_folders_get_the_modes_that_are_configured(logs: TaskLogs, tmp_path: Path) -> None:
    logs.write(PATH, "It begins.")
    file = tmp_path / "logs" / PATH
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent, file.parent.parent)] == [
        0o640,
        0o750,
        0o750,
    ]
