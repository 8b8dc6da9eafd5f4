"""The log that is imported with a module: what became of the build and of each component, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from mbs.model.plan import BuildPlan
from mbs.registry.rows import ComponentRow, MessageRow, TraceRow


def build_log(
    plan: BuildPlan,
    trace: Sequence[TraceRow],
    components: Sequence[ComponentRow],
    messages: Sequence[MessageRow],
) -> str:
    """Write the log; times are UTC, messages newest first as the registry gives them."""
    return "\n".join(_lines(plan, trace, components, messages)) + "\n"


def _lines(
    plan: BuildPlan,
    trace: Sequence[TraceRow],
    components: Sequence[ComponentRow],
    messages: Sequence[MessageRow],
) -> Iterator[str]:
    yield f"Module build {plan.build_id}: {plan.nsvc}"
    yield f"Source: {plan.scmurl or 'a submitted document'}"
    yield f"Owner: {plan.owner}, rebuild strategy {plan.rebuild_strategy}, arches {' '.join(plan.arches)}"
    yield f"Koji tag: {plan.koji_tag}"
    yield from ("", "States")
    yield from (f"  {_time(row.time)} {_state(row)} by {row.by}{_because(row.reason)}" for row in trace)
    yield from ("", "Components")
    yield from (f"  {_component(row)}" for row in components)
    if messages:
        yield from ("", "Messages")
        yield from (f"  {_time(row.time)} {row.message}" for row in reversed(messages))


def _component(row: ComponentRow) -> str:
    task = f", Koji task {row.task_id}" if row.task_id is not None else ""
    state = row.state.label if row.state is not None else "not built"
    return f"batch {row.batch}: {row.name} {state} {row.nvr or ''}{task}{_because(row.reason)}"


def _state(row: TraceRow) -> str:
    return row.state.label if row.state is not None else "new"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
