"""A module build as a whole: its tags in Koji at the begin, its states until the end, and who may change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mbs.koji.session import Hub
from mbs.koji.tags import ensure_inheritance, ensure_tags
from mbs.model.errors import BuildFailed
from mbs.model.plan import BuildPlan
from mbs.model.states import UNFINISHED, ModuleState
from mbs.planning.notes import Result
from mbs.registry import ModuleBuildRow, Registry
from mbs.steps import Log

_TASK = "task "
"""How those begin who are a task of the module build, in the registry's trace."""


def by_task(task_id: str) -> str:
    """Name a task of the module build as the one who changes a state."""
    return f"{_TASK}{task_id}"


def resume(
    registry: Registry, build_id: int, *, by: str, started: datetime | None, any_failed: Callable[[], bool]
) -> None:
    """Take a failed module build up again, when a person retried everything that had failed.

    While another task of the run is failed, the build remains failed: a late task of a failed batch still runs, but
    changes nothing. `started` is when the run was started last. Raises BuildFailed where somebody stopped the build.
    """
    build = registry.builds.get(build_id)
    if build.state is not ModuleState.FAILED or any_failed():
        return
    if _was_stopped(registry, build, started):
        msg = f"The module build was stopped: {build.state_reason}"
        raise BuildFailed(msg)
    registry.builds.transition(build.id, ModuleState.BUILD, "Retried", by)


def create_tags(hub: Hub, registry: Registry, plan: BuildPlan, *, by: str, log: Log) -> None:
    """Make or complete tags, package lists, groups and target (§12.2); the module build is in state build from here."""
    if registry.builds.get(plan.build_id).state is ModuleState.WAIT:
        registry.builds.transition(plan.build_id, ModuleState.BUILD, None, by)
    made = ensure_tags(hub, plan)
    if made.are_new:
        registry.builds.begins_with_new_tags(plan.build_id)
    log(f"Tag {plan.koji_tag}: {made.changes} changes made in Koji.")


def link_dependencies(hub: Hub, plan: BuildPlan, *, log: Log) -> None:
    """Let the build tag inherit the tags of the module's dependencies, in the plan's order (§12.3)."""
    changed = ensure_inheritance(hub, plan)
    tags = ", ".join(f"{tag.koji_tag} ({tag.priority})" for tag in plan.dependencies if tag.koji_tag)
    log(f"{plan.build_tag} inherits {tags}; {'linked now' if changed else 'nothing to do'}.")


def mark_ready(registry: Registry, plan: BuildPlan, *, by: str) -> ModuleState:
    """Take the steps to ready that are left, for a scratch build to done; gives that state."""
    end = ModuleState.DONE if plan.scratch else ModuleState.READY
    with registry.transaction() as work:
        state = work.builds.get(plan.build_id).state
        for following in (ModuleState.BUILD, ModuleState.DONE, ModuleState.READY):
            if state < following <= end:
                work.builds.transition(plan.build_id, following, None, by)
    return end


def record_failure(registry: Registry, build_id: int, reason: str, *, by: str) -> None:
    """End a module build, or tell what fails now in one that had failed; who stopped one has said why."""
    with registry.transaction() as work:
        if work.builds.get(build_id).state in UNFINISHED:
            work.builds.transition(build_id, ModuleState.FAILED, reason, by)
        elif _is_task(work.builds.trace(build_id)[-1].by):
            work.builds.explain(build_id, ModuleState.FAILED, reason, by)


def submitters(registry: Registry, plan: BuildPlan) -> tuple[str, ...]:
    """Give in whose name a module build was submitted, and by whom."""
    return plan.owner, registry.builds.trace(plan.build_id)[0].by or ""


def result(
    registry: Registry,
    plan: BuildPlan,
    state: ModuleState,
    *,
    made: Mapping[str, Any],
    imported: Mapping[str, str | None],
) -> Result:
    """Give what came of a module build that ended well, in this state.

    `made` has the `rpms` of the final documents by arch and perhaps a `warning`; `imported` the tag by build in Koji.
    """
    rows = [row for row in registry.components.of(plan.build_id) if not row.build_time_only]
    return Result(
        str(plan.nsvc),
        state.label,
        plan.koji_tag,
        rpms=made.get("rpms", {}),
        imported=imported,
        built=[row.name for row in rows if row.reused_from is None],
        reused=[row.name for row in rows if row.reused_from is not None],
        warnings=[made["warning"]] if made.get("warning") else [],
    )


def _was_stopped(registry: Registry, build: ModuleBuildRow, started: datetime | None) -> bool:
    """Tell whether somebody else than a task ended the module build, and the run has not been started since.

    Of one that a person canceled before it had begun, the run that starts afterwards is the first: nobody retried it.
    """
    *before, last = registry.builds.trace(build.id)
    if _is_task(last.by):
        return False
    is_first = last.origin is not None and bool(before) and before[-1].state is not ModuleState.BUILD
    return started is None or started < build.time_modified or is_first


def _is_task(by: str | None) -> bool:
    return (by or "").startswith(_TASK)
