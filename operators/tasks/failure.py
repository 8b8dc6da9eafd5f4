"""The end of a module build that failed."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import Context

from mbs.model.plan import BuildPlan
from mbs.model.states import UNFINISHED, ModuleState
from mbs.planning import notes
from mbs.planning.ids import NOTE
from mbs.planning.notes import Failure
from operators.tasks.base import FAILURE, TASK, ModuleBuildOperator, failed_tasks


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
        """Record the reasons of all tasks that failed, in the registry and in the note of the run."""
        failures = failures_of(context)
        reason = notes.reasons(failures)
        self._record(reason)
        context["ti"].xcom_push(NOTE, notes.failed(failures))
        self.fail(context, reason)

    def _record(self, reason: str) -> None:
        """End the module build, or tell what fails now in one that had failed; who stopped one has said why."""
        build_id = self.plan.build_id
        with self.registry.transaction() as work:
            if work.builds.get(build_id).state in UNFINISHED:
                work.builds.transition(build_id, ModuleState.FAILED, reason, self.by)
            elif (work.builds.trace(build_id)[-1].by or "").startswith(TASK):
                work.builds.explain(build_id, ModuleState.FAILED, reason, self.by)


def failures_of(context: Context) -> list[Failure]:
    """Give why the tasks of this run failed, the first first, once each: arches fail together with their build.

    A task without a word was ended by a person, or lost.
    """
    tasks = failed_tasks(context)
    left = context["ti"].xcom_pull(task_ids=tasks, key=FAILURE) if tasks else []
    found = [Failure.read(stored) for stored in left if stored]
    first = {one.cause: one for one in sorted(found, key=lambda one: one.at, reverse=True)}
    silent = sorted(set(tasks) - {one.task for one in found})
    told = sorted(first.values(), key=lambda one: one.at)
    return [*told, _without_a_word(silent)] if silent or not told else told


def _without_a_word(tasks: list[str]) -> Failure:
    named = ", ".join(tasks) or "a task"
    said = f"{named} failed without a reason of its own: marked failed by a person, or lost. Its log may tell more."
    return Failure(time.time(), said)
