"""The end of a module build that failed."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from mbs.plan import BuildPlan
from mbs.registry.states import UNFINISHED, ModuleState
from operators.base import FAILURE, ModuleBuildOperator, failed_tasks


class RecordFailureOperator(ModuleBuildOperator):
    """Record that the module build failed, and why; then fail, so that the run is failed and can be retried.

    It runs when any task above it failed, and is skipped otherwise. It always fails: a task that succeeded would make
    the run a success, and "clear failed" would leave it alone.
    """

    ui_color = "#fce8e6"

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        kwargs.setdefault("trigger_rule", "one_failed")
        super().__init__(plan=plan, **kwargs)

    def execute(self, context: Context) -> None:
        """Record the reason of the task that failed first."""
        reason = first_reason(context)
        if self.registry.build(self.plan.build_id).state in UNFINISHED:
            self.registry.transition(self.plan.build_id, ModuleState.FAILED, reason, self.by)
        self.fail(context, reason)


def first_reason(context: Context) -> str:
    """Give the reason of the task that failed first; one without a word was ended by a person, or lost."""
    tasks = failed_tasks(context)
    found = context["ti"].xcom_pull(task_ids=tasks, key=FAILURE) if tasks else []
    reasons = sorted((failure["at"], failure["reason"]) for failure in found if failure)
    if reasons:
        return str(reasons[0][1])
    named = ", ".join(tasks) or "a task"
    return f"{named} failed without a reason of its own: marked failed by a person, or lost. Its log may tell more."
