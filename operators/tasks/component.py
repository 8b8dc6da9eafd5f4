"""The tasks that build packages in Koji: one for every arch of a component, one for the macros."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from mbs.koji.builds import build_options, macros_options
from mbs.koji.logs import report_failure
from mbs.koji.session import Hub
from mbs.koji.snapshot import TaskSnapshot, see
from mbs.koji.tasks import NOARCH, Attempt, Failed, Outcome, Skipped, Succeeded, Waiting, follow_through
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan, PlannedComponent
from mbs.model.states import ComponentState
from mbs.planning.macros import conflicts, spec
from mbs.registry.rows import Finished
from mbs.steps.component import BuildRequest, ensure_submitted
from mbs.steps.ending import cancel_build, endings, record
from mbs.steps.macros import build_srpm, completed_xmd
from operators import links
from operators.hooks import settings
from operators.tasks.base import Event, ModuleBuildOperator, deadline_in
from operators.triggers import GAVE_UP, REPO_ID, BuildTrigger, pushed

TASK_ID = "koji_task_id"
"""XCom: the Koji task that builds the component."""

FOLLOWED = "followed"
"""Key of the task's own store: which Koji tasks it followed, and in which round (mbs.koji.tasks)."""

BUILD_PATIENCE = timedelta(days=7)
"""Koji itself ends a task after a day or two; this ends the waiting for one that no builder takes."""


class KojiBuildOperator(ModuleBuildOperator):
    """Makes sure that a package is submitted to Koji, then follows its build on one arch.

    The first task to come submits, the others attach. Success and skip end in the triggerer; a failure wakes a worker
    only to fail for good, with the end of the log. Cleared by a person after a failure it submits a new build; late
    for a build that had failed already it fails too (the rule is in `mbs.koji.tasks`).
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
        attempt = _attempt(context)
        with self.hub() as hub:
            with self.registry.component(self.plan.build_id, self.component) as component:
                submitted = ensure_submitted(
                    hub,
                    component,
                    lambda: self.request(hub, context),
                    may_replace=attempt.may_replace,
                    known_tasks=lambda: self._known_tasks(component.row.id),
                )
            self.log.info("%s", submitted.message)
            if submitted.task is not None:
                self._remember(context, attempt, submitted.task.task.id)
                self._settle(context, hub, submitted.task)

    def build_ended(self, context: Context, event: Event) -> None:
        """Deal with a build that did not end well; a sibling may have submitted another meanwhile."""
        self.blaming(context, lambda: self._look_again(context, event))

    def _look_again(self, context: Context, event: Event) -> None:
        if event["kind"] == GAVE_UP:
            self._give_up(context, event["reason"])
        self.work(context)

    def _give_up(self, context: Context, reason: str) -> None:
        """Cancel a build that is waited for no more, and fail; one that ended at the last moment counts."""
        with self.hub() as hub, self.registry.component(self.plan.build_id, self.component) as component:
            if component.row.task_id is None or component.row.state is not ComponentState.BUILDING:
                return
            snapshot = see(hub, component.row.task_id)
            if not isinstance(self._outcome(context, snapshot), Waiting):
                return
            end = cancel_build(hub, snapshot.task.id, reason)
            if end is not None:
                record(component, end)
        if end is None or end.state is not ComponentState.COMPLETE:
            self.fail(context, f"{self.component} ({self.arch}): Koji task {snapshot.task.id} was canceled. {reason}")

    def _remember(self, context: Context, attempt: Attempt, task_id: int) -> None:
        """Show the Koji task while it is waited for; keep in mind that it was followed."""
        memory: dict[str, Any] = {**attempt.remember(task_id)}
        context["task_state_store"].set(FOLLOWED, memory)
        context["ti"].xcom_push(TASK_ID, task_id)
        context["ti"].xcom_push(links.TASK_URL, links.task_url(self.account.web_url, task_id))

    def _settle(self, context: Context, hub: Hub, snapshot: TaskSnapshot) -> None:
        """End, or wait for what is not decided yet."""
        outcome = self._outcome(context, snapshot)
        if isinstance(outcome, Succeeded | Skipped):
            self._record_end(hub, snapshot)
        match outcome:
            case Waiting():
                self._wait(context, snapshot.task.id)
            case Succeeded():
                self.log.info("%s is built for %s.", self.component, self.arch)
            case Skipped():
                msg = f"{self.component} is not built for {self.arch}."
                raise AirflowSkipException(msg)
            case Failed():
                self._fail_with_report(context, hub, snapshot)

    def _outcome(self, context: Context, snapshot: TaskSnapshot) -> Outcome:
        return follow_through(snapshot.task, snapshot.children, self.arch, whole=_attempt(context).is_again)

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

    def _fail_with_report(self, context: Context, hub: Hub, snapshot: TaskSnapshot) -> None:
        report = report_failure(
            hub, snapshot.task, snapshot.children, package=self.component, arch=self.arch, dist=self.plan.dist
        )
        self._record_end(hub, snapshot, Finished(ComponentState.FAILED, None, str(report), snapshot.task.id))
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

    def _record_end(self, hub: Hub, snapshot: TaskSnapshot, failed: Finished | None = None) -> None:
        """Record the end of the component's build; `failed` is what is recorded while Koji has not ended all of it.

        A sibling may have done it, or begun anew.
        """
        reason = failed.reason if failed else None
        end = endings(hub, [snapshot.task], reason).get(snapshot.task.id, failed)
        if end is not None:
            with self.registry.component(self.plan.build_id, self.component) as component:
                record(component, end)

    def _known_tasks(self, component_id: int) -> set[int]:
        trace = self.registry.component_trace(component_id)
        return {row.task_id for row in trace if row.task_id is not None}


class BuildComponentOperator(KojiBuildOperator):
    """Make sure that a component is submitted to Koji, and follow its build on one arch.

    `gates` are the ids of the `RepoOperator` tasks whose repositories it needs; the newest of these is built on.
    """

    def __init__(self, *, plan: BuildPlan, component: str, arch: str, gates: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(plan=plan, component=component, arch=arch, **kwargs)
        self.gates = tuple(gates)

    def request(self, hub: Hub, context: Context) -> BuildRequest:  # noqa: ARG002 # the macros need it
        """Give the component as planned, to be built on the gates' repository."""
        planned = self._planned()
        options = build_options(self.plan, planned, self._repository(context))
        return BuildRequest(self.plan, planned.name, planned.source, self.plan.target, options)

    def _planned(self) -> PlannedComponent:
        return next(component for component in self.plan.components if component.name == self.component)

    def _repository(self, context: Context) -> int | None:
        """Give the newest of the gates' repositories: it contains what each of them does."""
        found = context["ti"].xcom_pull(task_ids=list(self.gates), key=REPO_ID) if self.gates else []
        return max((int(pushed(repo_id)) for repo_id in found if repo_id is not None), default=None)


class BuildMacrosOperator(KojiBuildOperator):
    """Make, upload and build module-build-macros (§13), the noarch batch 0."""

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        super().__init__(plan=plan, component=MACROS, arch=NOARCH, **kwargs)

    def request(self, hub: Hub, context: Context) -> BuildRequest:  # noqa: ARG002 # components need it
        """Upload the SRPM, always to the same place, so that its build is found again after a crash."""
        with tempfile.TemporaryDirectory(prefix="module-build-macros-") as directory:
            source = hub.upload(self._srpm(Path(directory), hub), f"cli-build/{self.plan.dist}")
        target = self.plan.macros.target or self.plan.target
        return BuildRequest(self.plan, MACROS, source, target, macros_options(self.plan))

    def _srpm(self, directory: Path, hub: Hub) -> Path:
        current, nsvc = settings(), self.plan.nsvc
        xmd = completed_xmd(hub, self.registry, self.plan, collisions=current.block_base_module_rpms)
        reused = [row.nvr for row in self.registry.components(self.plan.build_id) if row.reused_from and row.nvr]
        shadowed = conflicts(xmd, module=nsvc.name, base_modules=current.base_module_names, reused=reused)
        for group in shadowed:
            self.log.info("Kept out of the buildroot (%s): %s", group.key, ", ".join(group.rpms))
        return build_srpm(directory, spec(nsvc, self.plan.dist, shadowed), self.plan.macros.macros)


def _attempt(context: Context) -> Attempt:
    """Read from Airflow what the task knows of itself."""
    ti, started = context["ti"], context["dag_run"].start_date
    memory: Any = context["task_state_store"].get(FOLLOWED)
    return Attempt(
        round=ti.max_tries - (ti.task.retries or 0),
        run_started=started.timestamp() if started is not None else None,
        memory=memory or {},
    )
