"""What all operators of a module build have in common: the plan, the connections, and who is to blame."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from mbs.plan import BuildPlan

RETRIES = 5
RETRY_DELAY = timedelta(seconds=5)
MAX_RETRY_DELAY = timedelta(minutes=5)


class ModuleBuildOperator(BaseOperator):
    """A task of a module build; subclasses say what it does in `execute`.

    Retries are for infrastructure alone (a lost worker, the API server or the database away). What Koji or the
    document refuses is final and fails the task at once; a hub that is away is waited for in the triggerer.
    """

    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        plan: BuildPlan,
        koji_conn_id: str = "koji_default",
        registry_conn_id: str = "mbs_registry",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retries", RETRIES)
        kwargs.setdefault("retry_delay", RETRY_DELAY)
        kwargs.setdefault("retry_exponential_backoff", 2.0)
        kwargs.setdefault("max_retry_delay", MAX_RETRY_DELAY)
        super().__init__(**kwargs)
        self.plan = plan
        self.koji_conn_id = koji_conn_id
        self.registry_conn_id = registry_conn_id
