"""The JSON of module builds and components: every key of MBS's API, in its three forms."""

from __future__ import annotations

from datetime import UTC, datetime

from mbs.model.naming import OURS
from mbs.registry.rows import MessageRow
from mbs.registry.views import BaseModuleView, BuildView, ComponentView, Form, StateChange

__all__ = ["Form", "component_build", "message", "module_build", "time"]

FORMAT = "rpms"
"""Of every component: there are no others."""


def module_build(view: BuildView, form: Form, *, state_url: str = "", version: int = 2) -> dict[str, object]:
    """Give the JSON of a module build; `state_url` is its path, which the verbose form has.

    Version 3 tells who has changed its state, too.
    """
    shown = _short(view)
    if form is not Form.SHORT:
        shown |= _normal(view)
    if form is Form.VERBOSE:
        shown |= _verbose(view, state_url)
        shown["state_trace"] = [_change(one) | ({"by": one.by} if version == OURS else {}) for one in view.trace]
    return shown


def component_build(view: ComponentView, form: Form, *, state_url: str = "") -> dict[str, object]:
    """Give the JSON of a component; it has no short form."""
    shown: dict[str, object] = {
        "id": view.id,
        "package": view.name,
        "format": FORMAT,
        "task_id": view.task_id,
        "state": view.state,
        "state_name": None if view.state is None else view.state.label,
        "state_reason": view.reason,
        "module_build": view.build_id,
        "nvr": view.nvr,
    }
    if form is Form.VERBOSE:
        trace = [_change(one) for one in view.trace]
        shown |= {"batch": view.batch + 1, "state_trace": trace, "state_url": state_url}
    return shown


def message(row: MessageRow) -> dict[str, object]:
    """Give the JSON of a message."""
    return {"id": row.id, "time_created": time(row.time), "message": row.message}


def time(moment: datetime | None) -> str | None:
    """Write a time as MBS does: in UTC, to the second."""
    return None if moment is None else f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _short(view: BuildView) -> dict[str, object]:
    return {
        "id": view.id,
        "name": view.nsvc.name,
        "stream": view.nsvc.stream,
        "version": str(view.nsvc.version),
        "context": view.nsvc.context,
        "state": view.state,
        "state_name": view.state.label,
        "scratch": view.scratch,
    }


def _normal(view: BuildView) -> dict[str, object]:
    return {
        "batch": view.batch,
        "buildrequires": view.buildrequires,
        "component_builds": [one.id for one in view.components],
        "koji_tag": view.koji_tag,
        "new_repo_task_id": None,  # MBS's scheduler waits for that task; here the tasks of a gate do
        "owner": view.owner,
        "rebuild_strategy": view.rebuild_strategy,
        "scmurl": view.scmurl,
        "siblings": view.siblings,
        "srpms": view.srpms,
        "state_reason": view.state_reason,
        "tasks": {FORMAT: {one.name: _task(one) for one in view.components}} if view.components else {},
        "time_submitted": time(view.time_submitted),
        "time_modified": time(view.time_modified),
        "time_completed": time(view.time_completed),
    }


def _task(view: ComponentView) -> dict[str, object]:
    return {"task_id": view.task_id, "state": view.state, "state_reason": view.reason, "nvr": view.nvr}


def _verbose(view: BuildView, state_url: str) -> dict[str, object]:
    return {
        "arches": view.arches,
        "base_module_buildrequires": [_base_module(one) for one in view.base_modules],
        "build_context": view.build_context,
        "build_context_no_bms": view.build_context_no_bms,
        "runtime_context": view.runtime_context,
        "modulemd": view.modulemd,
        "reused_module_id": view.reuse_from_id,
        "state_url": state_url,
        "stream_version": _whole(view.stream_version),
        "virtual_streams": view.virtual_streams,
    }


def _base_module(view: BaseModuleView) -> dict[str, object]:
    return {
        "id": view.id,
        "name": view.name,
        "stream": view.stream,
        "version": str(view.version),
        "context": view.context,
        "state": view.state,
        "state_name": view.state.label,
        "stream_version": _whole(view.stream_version),
    }


def _whole(number: float | None) -> float | None:
    """Write 280000.0 as 280000, as the reference has it; a fraction is kept."""
    return int(number) if number is not None and number.is_integer() else number


def _change(change: StateChange) -> dict[str, object]:
    return {
        "time": time(change.time),
        "state": change.state,
        "state_name": None if change.state is None else change.state.label,
        "reason": change.reason,
    }
