"""What the tasks do that are neither builds nor waits: one function for each kind, from begin to end.

Each may be killed at any line and done again. It raises MbsError where it cannot go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from mbs.koji.session import Hub
from mbs.planning import notes
from mbs.planning.graph import Kind
from mbs.planning.ids import FINAL_MODULEMD, IMPORT_BUILD, NOTE
from mbs.planning.notes import Failure
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.steps import Log, build
from mbs.steps.build import by_task
from mbs.steps.publish import import_build, make_documents
from mbs.steps.reuse import reuse_components
from mbs.steps.tasks import FAILURE, IMPORTED, MADE, End, Failed, Run, Succeeded, Task


@dataclass(frozen=True, slots=True)
class Means:
    """What a task works with."""

    hub: Hub
    registry: Registry
    settings: Settings
    run: Run

    def log_of(self, task: Task) -> Log:
        """Give what a step tells the task's log with."""
        return lambda sentence: self.run.log(task, sentence)


Work: TypeAlias = Callable[[Means, Task], End]


def resume(means: Means, task: Task) -> None:
    """Take a failed module build up again, where a person retried everything that had failed. Raises BuildFailed."""
    started = None if task.run_started is None else datetime.fromtimestamp(task.run_started, UTC)
    build.resume(
        means.registry,
        task.plan.build_id,
        by=by_task(task.node.task_id),
        started=started,
        any_failed=lambda: bool(means.run.failed_tasks(task)),
    )


def failed(task: Task, reason: str, **facts: Any) -> Failed:
    """End a task for good, with what else is known of its failure."""
    return Failed(Failure(time.time(), reason, task.node.task_id, **facts))


def _create_tag(means: Means, task: Task) -> End:
    by = by_task(task.node.task_id)
    build.create_tags(means.hub, means.registry, task.plan, by=by, log=means.log_of(task))
    return Succeeded()


def _link_dependencies(means: Means, task: Task) -> End:
    build.link_dependencies(means.hub, task.plan, log=means.log_of(task))
    return Succeeded()


def _reuse_components(means: Means, task: Task) -> End:
    reuse_components(means.hub, means.registry, task.plan, means.settings.expansion, log=means.log_of(task))
    return Succeeded()


def _final_modulemd(means: Means, task: Task) -> End:
    made = make_documents(means.hub, means.registry, task.plan)
    for documents in made.documents:
        counts = ", ".join(f"{len(document.rpms)} on {document.arch}" for document in documents.arches)
        means.run.log(task, f"{documents.name}: artifacts: {counts or 'none'}.")
    if made.warning:
        means.run.log(task, made.warning, level="warning")
    return Succeeded({MADE: {"rpms": made.rpms, "warning": made.warning}})


def _import_build(means: Means, task: Task) -> End:
    by = by_task(task.node.task_id)
    imported = import_build(means.hub, means.registry, task.plan, by=by, log=means.log_of(task))
    return Succeeded({IMPORTED: imported} if imported else {})


def _mark_ready(means: Means, task: Task) -> End:
    plan = task.plan
    end = build.mark_ready(means.registry, plan, by=by_task(task.node.task_id))
    means.run.log(task, f"Module build {plan.nsvc} is {end.label}.")
    made, imported = (_left(means, task, *of) for of in ((FINAL_MODULEMD, MADE), (IMPORT_BUILD, IMPORTED)))
    found = build.result(means.registry, plan, end, made=made, imported=imported)
    announces = None if plan.scratch else {"nsvc": str(plan.nsvc), "build_id": plan.build_id}
    return Succeeded({NOTE: notes.ended_well(found)}, announces)


def _record_failure(means: Means, task: Task) -> End:
    """Record why the run failed, and fail: a task that succeeded would make the run a success."""
    failures = failures_of(means.run, task)
    reason = notes.reasons(failures)
    build.record_failure(means.registry, task.plan.build_id, reason, by=by_task(task.node.task_id))
    return Failed(failed(task, reason).failure, {NOTE: notes.failed(failures)})


def failures_of(run: Run, task: Task) -> list[Failure]:
    """Give why the tasks of a run failed, the first first, once each: arches fail together with their build.

    A task without a word was ended by a person, or lost.
    """
    tasks = run.failed_tasks(task)
    left = run.left(task, tasks, FAILURE) if tasks else []
    found = [Failure.read(stored) for stored in left if stored]
    first = {one.cause: one for one in sorted(found, key=lambda one: one.at, reverse=True)}
    silent = sorted(set(tasks) - {one.task for one in found})
    reasons = sorted(first.values(), key=lambda one: one.at)
    return [*reasons, _without_a_word(silent)] if silent or not reasons else reasons


def _without_a_word(tasks: list[str]) -> Failure:
    named = ", ".join(tasks) or "a task"
    said = f"{named} failed without a reason of its own: marked failed by a person, or lost. Its log may tell more."
    return Failure(time.time(), said)


def _left(means: Means, task: Task, task_id: str, key: str) -> dict[str, Any]:
    """Give what another task has left; nothing where it ran before there was such a thing."""
    return next((value for value in means.run.left(task, [task_id], key) if value), {})


WORK: Mapping[Kind, Work] = {
    Kind.CREATE_TAG: _create_tag,
    Kind.LINK_DEPENDENCIES: _link_dependencies,
    Kind.REUSE_COMPONENTS: _reuse_components,
    Kind.FINAL_MODULEMD: _final_modulemd,
    Kind.IMPORT_BUILD: _import_build,
    Kind.MARK_READY: _mark_ready,
    Kind.RECORD_FAILURE: _record_failure,
}
