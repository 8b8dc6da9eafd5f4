"""The plan's components: how urgent each is, what its content is, and what `xmd.mbs.rpms` says about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from mbs.components import ComponentSettings
from mbs.components.arches import component_arches
from mbs.components.selection import SelectedComponent, Selection
from mbs.model.errors import refuse, unprocessable
from mbs.model.plan import PlannedComponent, gates, in_batches, ranked
from mbs.model.quoting import quoted
from mbs.scm.protocol import Ref


def record(
    selection: Selection,
    commits: Mapping[Ref, str],
    arches: Sequence[str],
    settings: ComponentSettings,
    *,
    seconds: Mapping[str, float] | None = None,
    macros: str | None = None,
) -> tuple[PlannedComponent, ...]:
    """Make the components of a plan, sorted by batch, heaviest first, then name.

    `commits` pins the selection's refs, `arches` are the module's, `seconds` Koji's average build durations by package,
    `macros` is `buildopts.rpms.macros`. Raises `Unprocessable` for components that are built for no arch.
    """
    weights = seconds or {}
    planned = [
        replace(
            _planned(selected, commits, arches, override=settings.allow_arch_override),
            weight=weights.get(selected.component.name, settings.default_build_seconds),
        )
        for selected in selection.components
    ]
    where = {one.component.name: one.component.where for one in selection.components if one.included_from is None}
    _refuse_without_arch(((one.name, where.get(one.name)) for one in planned if not one.arches), arches)
    ordered = sorted(planned, key=lambda component: (component.batch, -component.weight, component.name))
    ids = content_ids(ordered, macros)
    return ranked((replace(one, content_id=ids[one.name]) for one in ordered), chains(ordered))


def pinned(components: Iterable[PlannedComponent]) -> dict[str, dict[str, str]]:
    """Give `xmd.mbs.rpms`: the commit of each component, empty where an SRPM stands in (§11.4)."""
    return {component.name: {"ref": component.ref or ""} for component in sorted(components, key=lambda one: one.name)}


def _planned(
    selected: SelectedComponent, commits: Mapping[Ref, str], arches: Sequence[str], *, override: bool
) -> PlannedComponent:
    component, srpm = selected.component, selected.srpm
    commit = None if srpm else commits[selected.ref]
    own_arches = component_arches(component, arches, override=override)
    return PlannedComponent(
        name=component.name,
        source=srpm or f"{_koji_url(selected.ref.repository)}?#{commit}",
        ref=commit,
        batch=selected.place.batch,
        after=selected.place.after,
        arches=own_arches,
        arch_override=own_arches if len(own_arches) < len(arches) else (),
        multilib=component.multilib,
        buildonly=component.buildonly,
        buildroot=component.buildroot,
        srpm_buildroot=component.srpm_buildroot,
        included_from=selected.included_from,
    )


def _koji_url(repository: str) -> str:
    """Give a repository as Koji knows it: git over HTTP by a scheme name of its own (`koji.daemon.SCM.types`)."""
    return f"git+{repository}" if repository.startswith(("http://", "https://")) else repository


def _refuse_without_arch(components: Iterable[tuple[str, str | None]], arches: Sequence[str]) -> None:
    refuse(
        unprocessable(
            f"The component '{quoted(name)}' would be built for no arch; the module is built for {', '.join(arches)}",
            f"{where}.arches" if where else None,
        )
        for name, where in components
    )


def chains(components: Sequence[PlannedComponent]) -> dict[str, int]:
    """Give the seconds of the longest chain that each component holds up, itself included; at least 1.

    In time linear in components and what they wait for.
    """
    weights = {component.name: component.weight for component in components}
    found: dict[str, float] = {}
    for gate in reversed(gates(components)):
        held = max((found[name] for name in gate.before), default=0.0)
        found |= {name: weights[name] + held for name in gate.components}
    return {name: max(1, round(seconds)) for name, seconds in found.items()}


def content_ids(components: Iterable[PlannedComponent], macros: str | None) -> dict[str, str]:
    """Give the id (SHA-256, hexadecimal) of every component; `macros` is `buildopts.rpms.macros`."""
    ordered = sorted(components, key=lambda component: (component.batch, component.name))
    return (_by_batches if in_batches(ordered) else _by_edges)(ordered, macros or "")


def _by_batches(ordered: list[PlannedComponent], macros: str) -> dict[str, str]:
    """Everything of the batches before counts; components of the same batch do not see each other."""
    ids: dict[str, str] = {}
    before, batch = _digest("macros", macros), 0
    current: list[str] = []
    for component in ordered:
        if component.batch != batch:
            before, batch, current = _digest("batch", before, *current), component.batch, []
        ids[component.name] = _digest("component", before, *_own(component))
        current.append(ids[component.name])
    return ids


def _by_edges(ordered: list[PlannedComponent], macros: str) -> dict[str, str]:
    """Only what a component is built after counts, and so on; batches only sort."""
    ids: dict[str, str] = {}
    for component in ordered:
        before = sorted(ids[name] for name in component.after)
        ids[component.name] = _digest("after", _digest("macros", macros), *_own(component), *before)
    return ids


def _own(component: PlannedComponent) -> tuple[str, ...]:
    return component.name, component.ref or component.source, " ".join(sorted(component.arches))


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
