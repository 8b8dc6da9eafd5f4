"""The question to a person that may stand between done and ready."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from mbs.plan import BuildPlan
from operators.base import FAILURE


class ApproveOperator(ApprovalOperator):
    """Ask a person whether the module build may become ready; a refusal fails it (setting `ready_needs_approval`).

    It is imported and tagged already, and no other module is built against it before it is ready.
    """

    template_fields: Sequence[str] = ()  # what comes from a document is no template
    ui_color = "#e6f4ea"

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        self.plan = plan
        body = f"Built for {', '.join(plan.arches)}; the packages are in Koji's tag `{plan.koji_tag}`."
        super().__init__(subject=f"Is {plan.nsvc} ready?", body=body, fail_on_reject=True, **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:  # noqa: ANN401 # Airflow's form
        """Go on, or fail for good and leave the reason for `record_failure`."""
        try:
            return super().execute_complete(context, event)
        except HITLRejectException:
            user = event.get("responded_by_user") or {}
            reason = f"{user.get('name') or 'Somebody'} did not approve it."
            context["ti"].xcom_push(FAILURE, {"at": time.time(), "reason": reason})
            raise AirflowFailException(reason) from None
