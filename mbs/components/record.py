"""The plan's components, and what `xmd.mbs.rpms` says about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mbs.components.arches import component_arches
from mbs.components.content import content_ids
from mbs.components.selection import SelectedComponent, Selection
from mbs.components.settings import ComponentSettings
from mbs.components.weights import priorities
from mbs.errors import Problem, Unprocessable
from mbs.plan import PlannedComponent
from mbs.quoting import quoted
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
    problems = [
        Problem(
            f"The component '{quoted(name)}' would be built for no arch; the module is built for {', '.join(arches)}",
            f"{where}.arches" if where else None,
        )
        for name, where in components
    ]
    if problems:
        raise Unprocessable.of(problems)
