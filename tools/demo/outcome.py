"""What a module build took over from an earlier one, and what it built anew, with the reasons of the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mbs.registry import Registry
from mbs.registry.rows import ComponentRow, MessageRow


@dataclass(frozen=True, slots=True)
class Outcome:
    """The components of a module build, module-build-macros left out: every build that has one has its own."""

    reused: tuple[str, ...]
    built: tuple[str, ...]
    why: tuple[str, ...]
    """Why there was something to build, one sentence per component or one for all."""


def outcome_of(registry: Registry, build_id: int) -> Outcome:
    """Look a module build up in the registry."""
    return outcome(registry.components.of(build_id), registry.messages.of(build_id))


def reused_of(registry: Registry, build_id: int) -> frozenset[str]:
    """Give the components that are taken over, as far as that is decided."""
    return frozenset(row.name for row in registry.components.of(build_id) if row.reused_from is not None)


def outcome(components: Sequence[ComponentRow], messages: Iterable[MessageRow]) -> Outcome:
    """Sort components by whether they were reused; `messages` are about the module build, newest first."""
    real = [row for row in components if not row.build_time_only]
    built = {row.id for row in real if row.reused_from is None}
    return Outcome(
        tuple(row.name for row in real if row.id not in built),
        tuple(row.name for row in real if row.id in built),
        tuple(one.message for one in messages if one.component_id is None or one.component_id in built)[::-1],
    )
