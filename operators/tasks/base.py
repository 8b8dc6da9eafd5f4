"""What all operators of a module build have in common: the plan, the connections, and who is to blame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from mbs.koji.session import HubAccount, HubSession
from mbs.model.errors import ForbiddenTransition, HubUnavailable, Infrastructure, MbsError
from mbs.model.plan import BuildPlan
from mbs.planning.notes import Failure
from mbs.registry import Registry
from mbs.steps.build import by_task, resume
from operators import hooks
from operators.hooks import registry
from operators.triggers import GAVE_UP, HubTrigger

RETRIES = 5
RETRY_DELAY = timedelta(seconds=5)
MAX_RETRY_DELAY = timedelta(minutes=5)

HUB_PATIENCE = timedelta(days=2)
"""Longest wait for a hub that does not answer; the setting koji_away_timeout ends it earlier."""

FAILURE = "failure"
"""XCom of a task that failed for good: a `mbs.planning.notes.Failure`."""

Event = Mapping[str, Any]
"""What a trigger wakes an operator with: `kind` and perhaps `reason`."""


class ModuleBuildOperator(BaseOperator):
    """A task of a module build; subclasses say in `work` what it does. It may be killed at any line and run again.

    Retries are for infrastructure alone (a lost worker, an API server or a database that does not answer). What Koji or
    the document refuses is final and fails the task at once; a hub that does not answer is waited for in the triggerer.
    """

    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        plan: BuildPlan,
        koji_conn_id: str = hooks.KOJI,
        registry_conn_id: str = hooks.REGISTRY,
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

    def work(self, context: Context) -> None:
        """Do what the task is for. Raises MbsError; defers where it has to wait."""
        raise NotImplementedError

    def execute(self, context: Context) -> None:
        """Do the work."""
        self.blaming(context, lambda: self._begin(context))

    def hub_answered(self, context: Context, event: Event) -> None:
        """Go on when the hub answers again."""
        if event["kind"] == GAVE_UP:
            self.fail(context, event["reason"])
        self.execute(context)

    def blaming(self, context: Context, step: Callable[[], None]) -> None:
        """Make a step; wait for a hub that does not answer, let Airflow retry other infrastructure, else fail."""
        try:
            step()
        except HubUnavailable as error:
            self.log.warning("%s Waiting for it.", error)
            trigger = HubTrigger(koji_conn_id=self.koji_conn_id, deadline=deadline_in(HUB_PATIENCE))
            self.defer(trigger=trigger, method_name="hub_answered")
        except Infrastructure:
            raise
        except ForbiddenTransition as defect:
            self.fail(context, str(defect), defect=defect)
        except MbsError as error:
            self.fail(context, str(error))

    def fail(self, context: Context, reason: str, *, defect: Exception | None = None, **facts: Any) -> NoReturn:
        """Fail for good, and leave the reason and other `facts` of a `Failure` for `record_failure`.

        The log shows where a defect of ours comes from.
        """
        failure = Failure(time.time(), reason, self.task_id, **facts)
        context["ti"].xcom_push(FAILURE, failure.stored())
        raise AirflowFailException(reason) from defect

    def log_line(self, sentence: str) -> None:
        """Log what a step says (`mbs.steps.Log`)."""
        self.log.info("%s", sentence)

    def hub(self) -> HubSession:
        """Open a session to the hub; close it."""
        return HubSession(self.account)

    @property
    def account(self) -> HubAccount:
        """Where the hub is."""
        return hooks.KojiHook(self.koji_conn_id).account

    @property
    def registry(self) -> Registry:
        """This process's registry."""
        return registry(self.registry_conn_id)

    @property
    def by(self) -> str:
        """Who changes the registry's states: this task."""
        return by_task(self.task_id)

    def _begin(self, context: Context) -> None:
        resume(
            self.registry,
            self.plan.build_id,
            by=self.by,
            started=context["dag_run"].start_date,
            any_failed=lambda: bool(failed_tasks(context)),
        )
        self.work(context)


def failed_tasks(context: Context) -> list[str]:
    """Give the ids of the tasks of this run that are failed."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return sorted(task_id for task_id, state in states.items() if state == "failed")


def deadline_in(wait: timedelta) -> float:
    """Give the moment after a wait, in seconds since the epoch."""
    return (datetime.now(UTC) + wait).timestamp()
