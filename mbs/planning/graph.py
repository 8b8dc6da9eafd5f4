"""The graph of a module build: which tasks there are and what waits for what; a pure function of the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mbs.model.plan import BuildPlan, PlannedComponent, PlannedGate
from mbs.planning import ids


class Kind(Enum):
    """What a task does; one operator each."""

    CREATE_TAG = "create_tag"
    LINK_DEPENDENCIES = "link_dependencies"
    REUSE_COMPONENTS = "reuse_components"
    BUILD_MACROS = "build_macros"
    BUILD_COMPONENT = "build_component"
    REPO = "repo"
    FINAL_MODULEMD = "final_modulemd"
    IMPORT_BUILD = "import_build"
    APPROVE = "approve"
    MARK_READY = "mark_ready"
    RECORD_FAILURE = "record_failure"


@dataclass(frozen=True, slots=True)
class Node:
    """One task, with the tasks it waits for."""

    kind: Kind
    task_id: str
    label: str
    """What the graph shows."""
    groups: tuple[str, ...] = ()
    """The task groups around it, outermost first, as prefixes of task ids."""
    upstream: tuple[str, ...] = ()
    priority: int = 1
    component: str | None = None
    arch: str | None = None
    gate_for: tuple[str, ...] = ()
    """Of a gate: the components whose builds it tags; empty for the gate behind the macros."""


def graph(plan: BuildPlan) -> Iterator[Node]:
    """Give the tasks of a module build, every task after those it waits for.

    A module without components needs neither macros nor a repository (MBS §12, step 5).
    """
    urgent = 1 + max((component.priority for component in plan.components), default=0)
    yield Node(Kind.CREATE_TAG, ids.CREATE_TAG, "create_tag", ("prepare",), priority=urgent)
    yield Node(
        Kind.LINK_DEPENDENCIES,
        ids.LINK_DEPENDENCIES,
        "link_dependencies",
        ("prepare",),
        (ids.CREATE_TAG,),
        urgent,
    )
    last: tuple[str, ...] = (ids.LINK_DEPENDENCIES,)
    if plan.components:
        yield Node(Kind.REUSE_COMPONENTS, ids.REUSE_COMPONENTS, "reuse_components", ("prepare",), last, urgent)
        yield from _macros(urgent)
        builds = tuple(_components(plan, urgent))
        yield from builds
        last = (builds[-1].task_id,)
    yield from _publish(last, urgent, needs_approval=plan.publication.needs_approval)


def _macros(urgent: int) -> Iterator[Node]:
    group = ("macros",)
    before = (ids.REUSE_COMPONENTS,)
    yield Node(Kind.BUILD_MACROS, ids.MACROS_BUILD, "module-build-macros.noarch", group, before, urgent, arch="noarch")
    yield Node(Kind.REPO, ids.MACROS_REPO, "repo macros", group, (ids.MACROS_BUILD,), urgent)


def _components(plan: BuildPlan, urgent: int) -> Iterator[Node]:
    """Give the builds of every component, behind the gates that it waits for, and each gate behind its components."""
    gates, before = plan.gates, defaultdict[str, list[str]](list)
    for gate in gates:
        for name in gate.before:
            before[name].append(_gate_id(gate))
    behind = {gate.components[-1]: gate for gate in gates if gate.components}
    ends: dict[str, tuple[str, ...]] = {}
    for component in plan.components:
        awaited = tuple(before[component.name])
        builds = tuple(_builds(component, awaited))
        yield from builds
        ends[component.name] = _ids(builds) or awaited
        if (found := behind.get(component.name)) is not None:
            upstream = tuple(dict.fromkeys(task_id for name in found.components for task_id in ends[name]))
            yield _gate(found, upstream, urgent)


def _gate_id(gate: PlannedGate) -> str:
    if not gate.components:
        return ids.MACROS_REPO
    return ids.component_gate_id(gate.batch, gate.components[0]) if gate.of_component else ids.batch_gate_id(gate.batch)


def _builds(component: PlannedComponent, gates: tuple[str, ...]) -> Iterator[Node]:
    for arch in component.arches:
        task_id = ids.component_task_id(component.batch, component.name, arch)
        groups = _groups(component)
        label = f"{component.name}.{arch}"
        yield Node(Kind.BUILD_COMPONENT, task_id, label, groups, gates, component.priority, component.name, arch)


def _groups(component: PlannedComponent) -> tuple[str, str]:
    return f"batch_{component.batch}", ids.component_prefix(component.batch, component.name)


def _gate(gate: PlannedGate, upstream: tuple[str, ...], priority: int) -> Node:
    name, batch = gate.components[0], f"batch_{gate.batch}"
    groups = (batch, ids.component_prefix(gate.batch, name)) if gate.of_component else (batch,)
    label = f"repo with {name}" if gate.of_component else f"repo batch {gate.batch}"
    return Node(Kind.REPO, _gate_id(gate), label, groups, upstream, priority, gate_for=gate.components)


def _ids(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    return tuple(node.task_id for node in nodes)


def _publish(before: tuple[str, ...], urgent: int, *, needs_approval: bool) -> Iterator[Node]:
    """Publish step by step; only the question to a person is not always there."""
    steps = [
        (Kind.FINAL_MODULEMD, ids.FINAL_MODULEMD),
        (Kind.IMPORT_BUILD, ids.IMPORT_BUILD),
        *([(Kind.APPROVE, ids.APPROVE)] if needs_approval else []),
        (Kind.MARK_READY, ids.MARK_READY),
    ]
    for kind, task_id in steps:
        yield Node(kind, task_id, kind.value, ("publish",), before, urgent)
        before = (task_id,)
    yield Node(Kind.RECORD_FAILURE, ids.RECORD_FAILURE, "record_failure", (), before, urgent)
