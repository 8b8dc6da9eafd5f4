"""Links of a build's task into Koji: its task, its build, its logs.

Each is an XCom, pushed as soon as it is known, so that it works while the task waits.
"""

from __future__ import annotations

from typing import ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom
from airflow.sdk.types import TaskInstanceKey

TASK_URL = "koji_url"
BUILD_URL = "koji_build_url"
LOGS_URL = "koji_logs_url"


class KojiLink(BaseOperatorLink):
    """A link whose target is an XCom of the task."""

    key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """The XCom that the UI reads."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's form
        """Give what was pushed; a task that never came to Koji has no link.

        Asked for one value, Airflow logs an error where there is none; asked for all, it gives none of them.
        """
        ti = ti_key
        found = XCom.get_all(key=self.key, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id)
        return str(found[0]) if found else ""


class KojiTaskLink(KojiLink):
    """The build task in Koji's web pages."""

    name = "Koji task"
    key = TASK_URL


class KojiBuildLink(KojiLink):
    """The build in Koji's web pages."""

    name = "Koji build"
    key = BUILD_URL


class KojiLogsLink(KojiLink):
    """The directory of the arch's logs."""

    name = "Logs"
    key = LOGS_URL
