"""The plan's components: how urgent each is, what its content is, and what `xmd.mbs.rpms` says about it."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from mbs.components import ComponentSettings
from mbs.components.arches import component_arches
from mbs.components.order import Place
from mbs.components.selection import SelectedComponent, Selection
from mbs.model.errors import refuse, unprocessable
from mbs.model.plan import PlannedComponent
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
    placed = {selected.component.name: selected.place for selected in selection.components}
    weights = {name: (seconds or {}).get(name, settings.default_build_seconds) for name in placed}
    urgent = priorities(placed, weights)
    planned = [
        replace(
            _planned(selected, commits, arches, override=settings.allow_arch_override),
            weight=weights[selected.component.name],
            priority=urgent[selected.component.name],
        )
        for selected in selection.components
    ]
    where = {one.component.name: one.component.where for one in selection.components if one.included_from is None}
    _refuse_without_arch(((one.name, where.get(one.name)) for one in planned if not one.arches), arches)
    ids = content_ids(planned, macros)
    complete = (replace(component, content_id=ids[component.name]) for component in planned)
    return tuple(sorted(complete, key=lambda component: (component.batch, -component.weight, component.name)))


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


HIGHEST = 2**31 - 1
"""Airflow's priority weights are 32 bit integers."""


def priorities(placed: Mapping[str, Place], seconds: Mapping[str, float]) -> dict[str, int]:
    """Give the priority of every component, at least 1, in time linear in components and edges."""
    edges = any(place.after for place in placed.values())
    held = (_held_by_edges if edges else _held_by_batches)(placed, seconds)
    return {name: max(1, min(HIGHEST, round(chain))) for name, chain in held.items()}


def _held_by_batches(placed: Mapping[str, Place], seconds: Mapping[str, float]) -> dict[str, float]:
    """A component holds up all of the next batch."""
    longest: dict[int, float] = defaultdict(float)
    chains = {}
    for name in _last_first(placed):
        batch = placed[name].batch
        chains[name] = seconds[name] + longest[batch + 1]
        longest[batch] = max(longest[batch], chains[name])
    return chains


def _held_by_edges(placed: Mapping[str, Place], seconds: Mapping[str, float]) -> dict[str, float]:
    """A component holds up those that are built after it; these have higher batches."""
    longest: dict[str, float] = defaultdict(float)
    chains = {}
    for name in _last_first(placed):
        chains[name] = seconds[name] + longest[name]
        for earlier in placed[name].after:
            longest[earlier] = max(longest[earlier], chains[name])
    return chains


def _last_first(placed: Mapping[str, Place]) -> list[str]:
    return sorted(placed, key=lambda name: placed[name].batch, reverse=True)


def content_ids(components: Iterable[PlannedComponent], macros: str | None) -> dict[str, str]:
    """Give the id (SHA-256, hexadecimal) of every component; `macros` is `buildopts.rpms.macros`."""
    ordered = sorted(components, key=lambda component: (component.batch, component.name))
    if any(component.after for component in ordered):
        return _by_edges(ordered, macros or "")
    return _by_batches(ordered, macros or "")


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
