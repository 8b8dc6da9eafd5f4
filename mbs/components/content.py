"""Content ids: equal ids, equal work.

What a component's build sees of its own module is its commit, its arches, the module's macros and all that is built
before it. That is what `changed-and-after` compares (§15.2), so under it two components with equal ids are one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from mbs.plan import PlannedComponent


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
