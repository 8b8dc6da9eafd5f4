"""The question to a person that may stand between done and ready."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from airflow.configuration import conf
from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from mbs.model.plan import BuildPlan
from mbs.model.quoting import code, plain
from mbs.model.states import ModuleState
from mbs.planning.approvers import Approvers
from mbs.planning.notes import Failure
from operators.hooks import REGISTRY, registry, settings
from operators.tasks.base import FAILURE, RETRIES, RETRY_DELAY, TASK


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
        by = f"{TASK}{self.task_id}"
        registry(self.registry_conn_id).builds.explain(self.plan.build_id, ModuleState.DONE, waits, by)
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
        if current.approval_by_submitter:
            return Approvers.of(current.approvers)
        submitter = registry(self.registry_conn_id).builds.trace(self.plan.build_id)[0].by
        return Approvers.of(current.approvers, barred=(self.plan.owner, submitter or ""))

    def _fail(self, context: Context, reason: str) -> None:
        failure = Failure(time.time(), reason, self.task_id)
        context["ti"].xcom_push(FAILURE, failure.stored())
        raise AirflowFailException(reason) from None


def answer_url(context: Context) -> str:
    """Give the page of the UI on which the question is answered."""
    ti, base = context["ti"], conf.get("api", "base_url", fallback="")
    start = base.rstrip("/") if base.startswith("http") else settings().api_url.rstrip("/")
    run, task = quote(ti.run_id, safe=""), quote(ti.task_id, safe="")
    return f"{start}/dags/{quote(ti.dag_id, safe='')}/runs/{run}/tasks/{task}/required_actions"
