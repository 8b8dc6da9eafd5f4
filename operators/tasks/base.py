"""What the tasks of a module build are in Airflow: steps of `mbs.steps.follower`, which does each from begin to end.

An executor of ours does all of them together. Under any other executor a task is done alone, in its own process, by
what stands here; it may be killed at any line and run again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from mbs.model.errors import Infrastructure
from mbs.model.plan import BuildPlan
from mbs.planning.graph import Kind, Node
from mbs.steps.follower import Follower
from mbs.steps.tasks import FAILURE, PATIENCE, End, Failed, Interrupted, Skipped, Succeeded, Task
from operators import hooks
from operators.hooks import registry, settings

RETRIES = 5
RETRY_DELAY = timedelta(seconds=5)
MAX_RETRY_DELAY = timedelta(minutes=5)

GRACE = timedelta(minutes=10)
"""For the end of a task whose patience has ended, before Airflow ends it."""

CANCELED = "Canceled: a person marked or cleared its task in Airflow while it was being built."


class ModuleBuildOperator(BaseOperator):
    """A task of a module build; subclasses say of which kind.

    Retries are for infrastructure alone (a lost worker, an API server or a database that does not answer). What Koji or
    the document refuses is final and fails the task at once; a hub that does not answer is waited for.
    """

    kind: ClassVar[Kind]
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        plan: BuildPlan,
        component: str | None = None,
        arch: str | None = None,
        batch: Sequence[str] = (),
        koji_conn_id: str = hooks.KOJI,
        registry_conn_id: str = hooks.REGISTRY,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retries", RETRIES)
        kwargs.setdefault("retry_delay", RETRY_DELAY)
        kwargs.setdefault("retry_exponential_backoff", 2.0)
        kwargs.setdefault("max_retry_delay", MAX_RETRY_DELAY)
        kwargs.setdefault("execution_timeout", PATIENCE[self.kind] + GRACE)
        super().__init__(**kwargs)
        self.plan = plan
        self.component = component
        self.arch = arch
        self.batch = tuple(batch)
        self.koji_conn_id = koji_conn_id
        self.registry_conn_id = registry_conn_id
        self._task: Task | None = None

    @property
    def node(self) -> Node:
        """What `mbs.planning.graph` says of the task."""
        return Node(
            self.kind,
            self.task_id,
            self.task_display_name,
            component=self.component,
            arch=self.arch,
            gate_for=self.batch,
        )

    def execute(self, context: Context) -> None:
        """Do the task from begin to end."""
        with self.following(context) as follower:
            while not (ended := follower.step()):
                time.sleep(follower.due)
        end(context, ended[0][1])

    def on_kill(self) -> None:
        """Cancel what is built: a person ended the task. Airflow calls this also in the midst of `execute`."""
        if self._task is not None:
            self.cancel(self._task)

    def cancel(self, task: Task) -> None:
        """Cancel what a task builds in Koji, and record it."""
        with self._alone(Logged(self.log)) as follower:
            follower.take([task])
            follower.drop([task.id], cancel=CANCELED)
            follower.step()

    @contextmanager
    def following(self, context: Context) -> Iterator[Follower]:
        """Have the task followed."""
        with self._alone(OfContext(self.log, context)) as follower:
            self._task = task_of(self, context)
            follower.take([self._task])
            yield follower
            self._task = None

    @contextmanager
    def _alone(self, run: Logged) -> Iterator[Follower]:
        with hooks.KojiHook(self.koji_conn_id).get_impatient_conn() as hub:
            holder = f"{self.dag_id} {self.task_id}"
            yield Follower(lambda: hub, registry(self.registry_conn_id), settings(), run, holder=holder)


class Logged:
    """A run that has only the log of its task (`mbs.steps.tasks.Run`)."""

    def __init__(self, log: Any) -> None:  # noqa: ANN401 # Airflow's own, whichever it is
        """Take the log."""
        self._log = log

    def log(self, task: Task, sentence: str, *, level: str = "info") -> None:  # noqa: ARG002 # it is the one
        """Write into the log of the task."""
        self._log.log(logging.getLevelNamesMapping()[level.upper()], "%s", sentence)

    def failed_tasks(self, task: Task) -> list[str]:  # noqa: ARG002 # likewise
        """Know of none."""
        return []

    def left(self, task: Task, task_ids: Sequence[str], key: str) -> list[Any]:  # noqa: ARG002 # likewise
        """Know of nothing."""
        return [None for _ in task_ids]


class OfContext(Logged):
    """The run of a task's context."""

    def __init__(self, log: Any, context: Context) -> None:  # noqa: ANN401 # likewise
        """Take the log and the context."""
        super().__init__(log)
        self._context = context

    def failed_tasks(self, task: Task) -> list[str]:  # noqa: ARG002 # likewise
        """Give the ids of the tasks of this run that are failed."""
        ti = self._context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        return sorted(task_id for task_id, state in states.items() if state == "failed")

    def left(self, task: Task, task_ids: Sequence[str], key: str) -> list[Any]:  # noqa: ARG002 # likewise
        """Give XComs of other tasks."""
        return list(self._context["ti"].xcom_pull(task_ids=list(task_ids), key=key))


def task_of(operator: ModuleBuildOperator, context: Context) -> Task:
    """Give what the service knows of a task by what Airflow does."""
    ti, run_started = context["ti"], context["dag_run"].start_date
    return Task(
        id=str(ti.id),
        plan=operator.plan,
        node=operator.node,
        round=ti.max_tries - (operator.retries or 0),
        started=time.time(),
        run_started=run_started.timestamp() if run_started is not None else None,
    )


def end(context: Context, ended: End) -> None:
    """End a task of Airflow as it ended."""
    match ended:
        case Succeeded(left, announces):
            push(context, left)
            for asset in context["ti"].task.outlets if announces is not None else ():
                context["outlet_events"][asset].extra = dict(announces or {})
        case Skipped(reason):
            raise AirflowSkipException(reason)
        case Failed(failure, left):
            push(context, left)
            fail(context, failure.reason, failure.stored())
        case Interrupted(reason):
            raise Infrastructure(reason)


def push(context: Context, left: Mapping[str, Any]) -> None:
    """Leave XComs."""
    for key, value in left.items():
        context["ti"].xcom_push(key, value)


def fail(context: Context, reason: str, failure: Mapping[str, Any]) -> NoReturn:
    """Fail for good, and leave the failure for `record_failure`."""
    context["ti"].xcom_push(FAILURE, dict(failure))
    raise AirflowFailException(reason) from None
