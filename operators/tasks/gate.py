"""The gate after each batch: its builds are complete, tagged, and in a repository."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from mbs.model.plan import BuildPlan
from mbs.steps import AwaitImport, AwaitRepo, AwaitRepoTask, Done
from mbs.steps.gate import Gate, pass_gate
from operators.tasks.base import Event, ModuleBuildOperator, deadline_in
from operators.triggers import GAVE_UP, REPO_ID, RepoTrigger, TasksTrigger

BUILD_PATIENCE = timedelta(hours=12)
"""For what Koji still does when all arches are built: the import of the RPMs."""

REPO_PATIENCE = timedelta(hours=2)
"""As the koji command waits."""

REQUESTS = 5
"""Requests for a repository, each of which Koji tries four times."""


class RepoOperator(ModuleBuildOperator):
    """Tag the builds of a batch and wait for a repository that contains them.

    `batch` names the components of the gate (none for the macros' gate, which has `macros`). The repository's id is
    left as an XCom for the builds behind the gate.
    """

    def __init__(
        self,
        *,
        plan: BuildPlan,
        batch: Sequence[str] = (),
        macros: bool = False,
        patience: timedelta = REPO_PATIENCE,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("trigger_rule", "none_failed")
        super().__init__(plan=plan, **kwargs)
        self.gate = Gate(plan, tuple(batch), macros)
        self.patience = patience

    def work(self, context: Context) -> None:
        """Take the gate's steps; each finds what an earlier try has done."""
        self._pass(context, request=1)

    def builds_ended(self, context: Context, event: Event) -> None:
        """Go on when Koji has imported what it built."""
        self.blaming(context, lambda: self._go_on(context, event, request=1))

    def repo_ended(self, context: Context, event: Event, request: int = 1) -> None:
        """Ask again when a request died, or a newRepo task ended."""
        self.log.info("Asking again for a repository: %s.", event.get("reason", "the newRepo task has ended"))
        self.blaming(context, lambda: self._go_on(context, event, request=request + 1))

    def _go_on(self, context: Context, event: Event, *, request: int) -> None:
        if event["kind"] == GAVE_UP or request > REQUESTS:
            self.fail(context, event.get("reason", f"Koji made no repository of {self.plan.build_tag}."))
        self._pass(context, request=request)

    def _pass(self, context: Context, *, request: int) -> None:
        conn_id = self.koji_conn_id
        with self.hub() as hub:
            result = pass_gate(hub, self.registry, self.gate, self.log_line)
        match result:
            case Done(repo_id):
                if repo_id is not None:
                    context["ti"].xcom_push(REPO_ID, repo_id)
            case AwaitImport(task_ids):
                deadline = deadline_in(BUILD_PATIENCE)
                waiting = TasksTrigger(koji_conn_id=conn_id, koji_task_ids=list(task_ids), deadline=deadline)
                self.defer(trigger=waiting, method_name="builds_ended")
            case AwaitRepo() | AwaitRepoTask():
                self.defer(trigger=self._wait(result), method_name="repo_ended", kwargs={"request": request})

    def _wait(self, wanted: AwaitRepo | AwaitRepoTask) -> RepoTrigger | TasksTrigger:
        conn_id, deadline = self.koji_conn_id, deadline_in(self.patience)
        match wanted:
            case AwaitRepo(request_id, event):
                return RepoTrigger(koji_conn_id=conn_id, request_id=request_id, event=event, deadline=deadline)
            case AwaitRepoTask(task_id):
                return TasksTrigger(koji_conn_id=conn_id, koji_task_ids=[task_id], deadline=deadline)
