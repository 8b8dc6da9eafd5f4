"""What the executors use of Airflow that is not public, each with a test that fails when Airflow changes.

The tests are in `tests/operators/executors/test_internals.py`; docs/decisions/0070 says why each is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.utils.helpers import log_filename_template_renderer

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

HERE = "The task's log is a file of this machine."


def local_log(ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
    """Answer `get_task_log` for a running task whose log lies on this machine: where it is, and nothing of its text.

    The UI reads the files of its own machine by itself; an executor that names a source only keeps it from asking a
    log server, too, which then need not run.
    """
    path = Path(conf.get_mandatory_value("logging", "base_log_folder"))
    path /= log_filename_template_renderer()(ti=ti, try_number=try_number)
    return ([HERE], []) if path.is_file() else ([], [])
