"""The graph of a module build: which tasks there are and what waits for what; a pure function of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from msgspec.structs import replace

from mbs.model.plan import BuildPlan, PlannedComponent
from mbs.planning import ids

RANKS = 1000
"""Places that components of the same priority have among each other."""

LONGEST = (2**31 - 1) // RANKS - 1
"""Seconds: the highest priority that still fits Airflow's 32 bits, 24 days of building."""


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
    plan = _ranked(plan)
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
        ordered_by_name = any(component.after for component in plan.components)
        builds = tuple(_by_component(plan, urgent) if ordered_by_name else _by_batch(plan, urgent))
        yield from builds
        last = (builds[-1].task_id,)
    yield from _publish(last, urgent, needs_approval=plan.publication.needs_approval)


def _ranked(plan: BuildPlan) -> BuildPlan:
    """Give every component a priority that no other of the plan has; what held up more before still does.

    The scheduler then fills the pool component by component: only one can be in Koji with an arch beyond the pool.
    """
    ranked = (
        replace(component, priority=min(component.priority, LONGEST) * RANKS + RANKS - 1 - place % RANKS)
        for place, component in enumerate(plan.components)
    )
    return replace(plan, components=tuple(ranked))


def _macros(urgent: int) -> Iterator[Node]:
    group = ("macros",)
    before = (ids.REUSE_COMPONENTS,)
    yield Node(Kind.BUILD_MACROS, ids.MACROS_BUILD, "module-build-macros.noarch", group, before, urgent, arch="noarch")
    yield Node(Kind.REPO, ids.MACROS_REPO, "repo macros", group, (ids.MACROS_BUILD,), urgent)


def _by_batch(plan: BuildPlan, urgent: int) -> Iterator[Node]:
    """Order by batches: everything of a batch waits for the one gate behind the batch before it."""
    gate = ids.MACROS_REPO
    for batch, members in groupby(plan.components, key=lambda component: component.batch):
        components = tuple(members)
        builds = tuple(node for component in components for node in _builds(component, (gate,)))
        yield from builds
        behind, gate = (gate,), ids.batch_gate_id(batch)
        yield _gate(gate, (f"batch_{batch}",), _ids(builds) or behind, components, urgent)


def _by_component(plan: BuildPlan, urgent: int) -> Iterator[Node]:
    """Order by `buildafter`: a gate behind each component that others wait for, and one behind all the rest."""
    batches = {component.name: component.batch for component in plan.components}
    awaited = {name for component in plan.components for name in component.after}
    rest: dict[PlannedComponent, tuple[str, ...]] = {}
    for component in plan.components:
        gates = _gates_before(component, batches)
        builds = tuple(_builds(component, gates))
        yield from builds
        if component.name in awaited:
            gate = ids.component_gate_id(component.batch, component.name)
            yield _gate(gate, _groups(component), _ids(builds) or gates, (component,), urgent)
        else:
            rest[component] = _ids(builds) or gates
    last = max(batches.values())
    leaves = tuple(dict.fromkeys(task_id for ids in rest.values() for task_id in ids))
    yield _gate(ids.batch_gate_id(last), (f"batch_{last}",), leaves, tuple(rest), urgent)


def _gates_before(component: PlannedComponent, batches: Mapping[str, int]) -> tuple[str, ...]:
    gates = tuple(ids.component_gate_id(batches[name], name) for name in component.after)
    return gates or (ids.MACROS_REPO,)


def _builds(component: PlannedComponent, gates: tuple[str, ...]) -> Iterator[Node]:
    for arch in component.arches:
        task_id = ids.component_task_id(component.batch, component.name, arch)
        groups = _groups(component)
        label = f"{component.name}.{arch}"
        yield Node(Kind.BUILD_COMPONENT, task_id, label, groups, gates, component.priority, component.name, arch)


def _groups(component: PlannedComponent) -> tuple[str, str]:
    return f"batch_{component.batch}", ids.component_prefix(component.batch, component.name)


def _gate(
    task_id: str,
    groups: tuple[str, ...],
    upstream: tuple[str, ...],
    components: tuple[PlannedComponent, ...],
    priority: int,
) -> Node:
    names = tuple(component.name for component in components)
    label = f"repo with {names[0]}" if len(groups) > 1 else f"repo {groups[0].replace('_', ' ')}"
    return Node(Kind.REPO, task_id, label, groups, upstream, priority, gate_for=names)


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
