"""How far a module build is: pure functions from its plan and Airflow's task states to what one shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from mbs.model.plan import BuildPlan, PlannedComponent
from mbs.planning import ids


class Phase(Enum):
    """What one sees of a task."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    ASKING = "waits for a person"
    DONE = "done"
    REUSED = "reused"
    SKIPPED = "not built here"
    FAILED = "failed"
    BLOCKED = "blocked"


_PHASES = {
    "scheduled": Phase.STARTING,
    "queued": Phase.STARTING,
    "running": Phase.RUNNING,
    "deferred": Phase.RUNNING,
    "awaiting_input": Phase.ASKING,
    "up_for_retry": Phase.RETRYING,
    "up_for_reschedule": Phase.RETRYING,
    "restarting": Phase.RETRYING,
    "success": Phase.DONE,
    "skipped": Phase.SKIPPED,
    "failed": Phase.FAILED,
    "upstream_failed": Phase.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a component with a phase for every arch, or a step with one phase for all."""

    section: str
    name: str
    phases: Mapping[str, Phase]
    """By arch; the empty arch for a step."""
    waits_for: str = ""
    """What it waits for, as long as none of it has begun; of the question to a person, whose answer, and where."""

    @property
    def begun(self) -> bool:
        """Whether anything of it has left the waiting room."""
        return any(phase not in {Phase.WAITING, Phase.STARTING} for phase in self.phases.values())


def lines(
    plan: BuildPlan, states: Mapping[str, str | None], reused: Collection[str] = frozenset(), reason: str | None = None
) -> tuple[Line, ...]:
    """Give the state of a module build, in the order in which it is built.

    `reused` are names of components, `reason` is the one that the registry has for the state of the build.
    """
    return (
        _step("prepare", "create tag", ids.CREATE_TAG, states),
        _step("prepare", "link dependencies", ids.LINK_DEPENDENCIES, states),
        *(_building(plan, states, reused) if plan.components else ()),
        _step("publish", "final modulemd", ids.FINAL_MODULEMD, states),
        _step("publish", "import build", ids.IMPORT_BUILD, states),
        *([_question(states, reason)] if plan.publication.needs_approval else []),
        _step("publish", "mark ready", ids.MARK_READY, states),
    )


def _question(states: Mapping[str, str | None], reason: str | None) -> Line:
    phase = phase_of(states.get(ids.APPROVE))
    return Line("publish", "approval", {"": phase}, reason or "" if phase is Phase.ASKING else "")


def _building(plan: BuildPlan, states: Mapping[str, str | None], reused: Collection[str]) -> Iterator[Line]:
    yield _step("prepare", "reuse components", ids.REUSE_COMPONENTS, states)
    yield _step("macros", "module-build-macros", ids.MACROS_BUILD, states)
    yield _step("macros", "repository", ids.MACROS_REPO, states)
    before = "the macros"
    for batch, members in groupby(plan.components, key=lambda component: component.batch):
        section = f"batch {batch}"
        for component in members:
            line = _component(section, component, before, states)
            yield _taken_over(line) if component.name in reused else line
        yield _step(section, "repository", ids.batch_gate_id(batch), states)
        before = section


def _component(section: str, component: PlannedComponent, before: str, states: Mapping[str, str | None]) -> Line:
    phases = {
        arch: phase_of(states.get(ids.component_task_id(component.batch, component.name, arch)))
        for arch in component.arches
    }
    line = Line(section, component.name, phases, ", ".join(component.after) or before)
    return Line(section, component.name, phases) if line.begun else line


def _taken_over(line: Line) -> Line:
    return Line(line.section, line.name, dict.fromkeys(line.phases, Phase.REUSED))


def _step(section: str, name: str, task_id: str, states: Mapping[str, str | None]) -> Line:
    return Line(section, name, {"": phase_of(states.get(task_id))})


def phase_of(state: str | None) -> Phase:
    """Translate Airflow's word for the state of a task."""
    return _PHASES.get(state or "", Phase.WAITING)
