"""The end of a module build: documents, import into Koji, a person's approval, ready; or the record of its failure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from airflow.configuration import conf
from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context

from mbs.model.plan import BuildPlan
from mbs.model.quoting import code, plain
from mbs.model.states import ModuleState
from mbs.planning.graph import Kind
from mbs.planning.notes import Failure
from mbs.planning.permissions import Approvers
from mbs.steps.build import by_task, submitters
from operators.hooks import READY_MODULES, REGISTRY, registry, settings, stream_asset
from operators.tasks.base import RETRIES, RETRY_DELAY, ModuleBuildOperator, fail


class FinalModulemdOperator(ModuleBuildOperator):
    """Make the final modulemd of every arch, and keep it in the registry (§16.5)."""

    kind = Kind.FINAL_MODULEMD
    ui_color = "#e6f4ea"


class ImportBuildOperator(ModuleBuildOperator):
    """Import the module build into Koji, with its -devel twin, and tag both for the compose (§16.1 to §16.3).

    The module build is done then. Scratch builds are done without.
    """

    kind = Kind.IMPORT_BUILD
    ui_color = "#e6f4ea"


class ApproveOperator(ApprovalOperator):
    """Ask a person whether the module build may become ready; a refusal fails it (setting `ready_needs_approval`).

    It is imported and tagged already, and no other module is built against it before it is ready. Who may answer is
    what the settings say when it is asked, and again when it is answered: Airflow takes an answer of anybody where
    nobody is named, and of whoever was named then. An answer of somebody else changes nothing, and it is asked again.
    """

    template_fields: Sequence[str] = ()  # what comes from a document is no template
    ui_color = "#e6f4ea"

    def __init__(self, *, plan: BuildPlan, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        # A worker that is lost, or an answer within the second in which the question is put, only means to ask again.
        kwargs.setdefault("retries", RETRIES)
        kwargs.setdefault("retry_delay", RETRY_DELAY)
        self.plan = plan
        self.registry_conn_id = registry_conn_id
        body = f"Built for {', '.join(map(code, plan.arches))}; the packages are in Koji's tag {code(plan.koji_tag)}."
        super().__init__(subject=f"Is {plain(str(plan.nsvc))} ready?", body=body, fail_on_reject=True, **kwargs)

    def execute(self, context: Context) -> Any:  # noqa: ANN401 # Airflow's form
        """Say where everybody looks what is waited for, and ask."""
        approvers = self._approvers()
        if approvers.nobody:
            self._fail(context, approvers.nobody)
        self.assigned_users = [{"id": each.id, "name": each.name} for each in approvers.named]
        waits = f"Waits for {approvers} to approve it: {answer_url(context)}"
        self.log.info("%s", waits)
        registry(self.registry_conn_id).builds.explain(
            self.plan.build_id, ModuleState.DONE, waits, by_task(self.task_id)
        )
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:  # noqa: ANN401 # Airflow's form
        """Go on, or fail for good and leave the reason for `record_failure`; ask again after a stranger's answer."""
        user: Mapping[str, Any] = event.get("responded_by_user") or {}
        name = plain(str(user.get("name") or user.get("id") or "Somebody"))
        approvers = self._approvers()
        if "error" not in event and not approvers.may_answer(user):
            self.log.warning("%s answered, and may not: only %s may approve it.", name, approvers)
            return self.execute(context)
        try:
            return super().execute_complete(context, event)
        except HITLRejectException:
            self._fail(context, f"{name} did not approve it.")

    def _approvers(self) -> Approvers:
        """Give who may approve by the settings of now."""
        current = settings()
        barred = () if current.approval_by_submitter else submitters(registry(self.registry_conn_id), self.plan)
        return Approvers.of(current.approvers, barred)

    def _fail(self, context: Context, reason: str) -> NoReturn:
        fail(context, reason, Failure(time.time(), reason, self.task_id).stored())


def answer_url(context: Context) -> str:
    """Give the page of the UI on which the question is answered."""
    ti, base = context["ti"], conf.get("api", "base_url", fallback="")
    start = base.rstrip("/") if base.startswith("http") else settings().api_url.rstrip("/")
    run, task = quote(ti.run_id, safe=""), quote(ti.task_id, safe="")
    return f"{start}/dags/{quote(ti.dag_id, safe='')}/runs/{run}/tasks/{task}/required_actions"


class MarkReadyOperator(ModuleBuildOperator):
    """Take the module build to ready, and tell Airflow; a scratch build ends in done.

    The event goes to two assets: `name:stream`, for whoever follows one stream, and one for all modules. Its extra
    names the build.
    """

    kind = Kind.MARK_READY
    ui_color = "#e6f4ea"

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        outlets = [] if plan.scratch else [stream_asset(plan.nsvc.name, plan.nsvc.stream), READY_MODULES]
        super().__init__(plan=plan, outlets=outlets, **kwargs)


class RecordFailureOperator(ModuleBuildOperator):
    """Record that the module build failed, and why; then fail, so that the run is failed and can be retried.

    It runs when any task above it failed, and is skipped otherwise. It always fails: a task that succeeded would make
    the run a success, and "clear failed" would leave it alone.
    """

    kind = Kind.RECORD_FAILURE
    ui_color = "#fce8e6"

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trigger_rule", "one_failed")
        super().__init__(**kwargs)
