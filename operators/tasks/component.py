"""The tasks that build packages in Koji: one for every arch of a component, one for the macros."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from mbs.koji.session import Hub
from mbs.model.naming import MACROS, NOARCH
from mbs.model.plan import BuildPlan
from mbs.steps import AwaitBuild, Done, NotBuilt
from mbs.steps.component import (
    ArchBuild,
    Attempt,
    BuildRequest,
    Unsuccessful,
    component_request,
    conclude,
    ensure_submitted,
    give_up,
)
from mbs.steps.macros import macros_request
from operators import links
from operators.hooks import settings
from operators.tasks.base import Event, ModuleBuildOperator, deadline_in
from operators.triggers import GAVE_UP, REPO_ID, BuildTrigger, pushed

TASK_ID = "koji_task_id"
"""XCom: the Koji task that builds the component."""

FOLLOWED = "followed"
"""Key of the task's own store: which Koji tasks it followed, and in which round (mbs.steps.component.Attempt)."""

BUILD_PATIENCE = timedelta(days=7)
"""Koji itself ends a task after a day or two; this ends the waiting for one that no builder takes."""


class KojiBuildOperator(ModuleBuildOperator):
    """Makes sure that a package is submitted to Koji, then follows its build on one arch.

    The first task to come submits, the others attach. Success and skip end in the triggerer; a failure wakes a worker
    only to fail for good, with the end of the log. Cleared by a person after a failure it submits a new build; late
    for a build that had failed already it fails too (the rule is `mbs.steps.component.Attempt`).
    """

    operator_extra_links = (links.KojiTaskLink(), links.KojiBuildLink(), links.KojiLogsLink())

    def __init__(
        self, *, plan: BuildPlan, component: str, arch: str, patience: timedelta = BUILD_PATIENCE, **kwargs: Any
    ) -> None:
        super().__init__(plan=plan, **kwargs)
        self.component = component
        self.arch = arch
        self.patience = patience

    def request(self, hub: Hub, context: Context) -> BuildRequest:
        """Give what to submit; may upload it."""
        raise NotImplementedError

    def work(self, context: Context) -> None:
        """Submit or attach, tell where it is, and wait."""
        attempt, build = _attempt(context), self._build(context)
        with self.hub() as hub:
            found = ensure_submitted(
                hub, self.registry, build, attempt, lambda: self.request(hub, context), self.log_line
            )
            if found is not None:
                self._remember(context, attempt, found.task.id)
                self._act(context, conclude(hub, self.registry, self.plan, build, found))

    def build_ended(self, context: Context, event: Event) -> None:
        """Deal with a build that did not end well; a sibling may have submitted another meanwhile."""
        self.blaming(context, lambda: self._look_again(context, event))

    def _look_again(self, context: Context, event: Event) -> None:
        if event["kind"] == GAVE_UP:
            with self.hub() as hub:
                give_up(hub, self.registry, self._build(context), event["reason"])
        self.work(context)

    def _build(self, context: Context) -> ArchBuild:
        return ArchBuild(self.plan.build_id, self.component, self.arch, whole=_attempt(context).is_again)

    def _remember(self, context: Context, attempt: Attempt, task_id: int) -> None:
        """Show the Koji task while it is waited for; keep in mind that it was followed."""
        memory: dict[str, Any] = {**attempt.remember(task_id)}
        context["task_state_store"].set(FOLLOWED, memory)
        context["ti"].xcom_push(TASK_ID, task_id)
        context["ti"].xcom_push(links.TASK_URL, links.task_url(self.account.web_url, task_id))

    def _act(self, context: Context, result: Done | NotBuilt | AwaitBuild | Unsuccessful) -> None:
        """End, or wait for what is not decided yet."""
        match result:
            case AwaitBuild(task_id):
                self._wait(context, task_id)
            case Done():
                self.log.info("%s is built for %s.", self.component, self.arch)
            case NotBuilt(reason):
                raise AirflowSkipException(reason)
            case Unsuccessful():
                self._fail_with_report(context, result)

    def _wait(self, context: Context, task_id: int) -> None:
        trigger = BuildTrigger(
            koji_conn_id=self.koji_conn_id,
            registry_conn_id=self.registry_conn_id,
            build_id=self.plan.build_id,
            component=self.component,
            koji_task_id=task_id,
            arch=self.arch,
            deadline=deadline_in(self.patience),
            whole=_attempt(context).is_again,
        )
        self.defer(trigger=trigger, method_name="build_ended")

    def _fail_with_report(self, context: Context, unsuccessful: Unsuccessful) -> None:
        report = unsuccessful.report
        context["ti"].xcom_push(links.LOGS_URL, links.logs_url(self.account.files_url, report.task.id))
        for line in report.tail:
            self.log.error("%s: %s", report.log, line)
        self.fail(
            context,
            str(report),
            what=self.component,
            arch=report.failed_arch,
            koji_task=report.task.id,
            url=links.task_url(self.account.web_url, report.task.id),
            why=report.reason,
            lines=report.lines,
        )


class BuildComponentOperator(KojiBuildOperator):
    """Make sure that a component is submitted to Koji, and follow its build on one arch.

    `gates` are the ids of the `RepoOperator` tasks whose repositories it needs; the newest of these is built on.
    """

    def __init__(self, *, plan: BuildPlan, component: str, arch: str, gates: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(plan=plan, component=component, arch=arch, **kwargs)
        self.gates = tuple(gates)

    def request(self, hub: Hub, context: Context) -> BuildRequest:  # noqa: ARG002 # the macros need it
        """Give the component as planned, to be built on the gates' repository."""
        return component_request(self.plan, self.component, self._repository(context))

    def _repository(self, context: Context) -> int | None:
        """Give the newest of the gates' repositories: it contains what each of them does."""
        found = context["ti"].xcom_pull(task_ids=list(self.gates), key=REPO_ID) if self.gates else []
        return max((int(pushed(repo_id)) for repo_id in found if repo_id is not None), default=None)


class BuildMacrosOperator(KojiBuildOperator):
    """Make, upload and build module-build-macros (§13), the noarch batch 0."""

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        super().__init__(plan=plan, component=MACROS, arch=NOARCH, **kwargs)

    def request(self, hub: Hub, context: Context) -> BuildRequest:  # noqa: ARG002 # components need it
        """Make and upload the SRPM."""
        return macros_request(hub, self.registry, self.plan, settings(), self.log_line)


def _attempt(context: Context) -> Attempt:
    """Read from Airflow what the task knows of itself."""
    ti, started = context["ti"], context["dag_run"].start_date
    memory: Any = context["task_state_store"].get(FOLLOWED)
    return Attempt(
        round=ti.max_tries - (ti.task.retries or 0),
        run_started=started.timestamp() if started is not None else None,
        memory=memory or {},
    )
