"""Which finished builds of components a new module build takes over (§15).

First the earlier module build is chosen, then each of its components is accepted or refused, with the reason in words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mbs.model.contexts import build_context
from mbs.model.plan import PlannedComponent, Strategy


class Candidate(Protocol):
    """An earlier module build, as the choice sees it."""

    @property
    def rebuild_strategy(self) -> str:
        """Of that build."""

    @property
    def scmurl(self) -> str | None:
        """None where it was pasted; such a build has no history that could be compared."""

    @property
    def build_context(self) -> str | None:
        """Hash of what it was built against (§7.4)."""

    @property
    def time_completed(self) -> dt.datetime | None:
        """When it became ready."""


C = TypeVar("C", bound=Candidate)

_EARLIER_BATCH = "a component in a previous batch has been added, removed, or rebuilt"


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What of a module build decides about reuse."""

    components: tuple[PlannedComponent, ...]
    macros: str | None = None
    """`buildopts.rpms.macros`."""


@dataclass(frozen=True, slots=True)
class Reused:
    """The earlier component whose build is taken over."""

    previous: PlannedComponent


@dataclass(frozen=True, slots=True)
class Refusal:
    """A component is built again, for a reason."""

    reason: str


def accepted_contexts(build_streams: Mapping[str, str], base_modules: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Give the build contexts that an earlier build may have, the preferred one first.

    `build_streams` are the streams that the new build is built against; `base_modules` the `(name, stream)` that may
    stand in for its base module: itself only, or all compatible ones, highest stream version first. Each is put in on
    its own; MBS leaves the one before in place (§15.1).
    """
    return tuple(build_context({**build_streams, name: stream}) for name, stream in base_modules)


def choose_previous(candidates: Iterable[C], contexts: Sequence[str], strategy: Strategy) -> C | None:
    """Choose the earlier build to reuse components from: the best context, then the one completed last (§15.1).

    `candidates` are ready builds of the same module and stream. After `only-changed` a component may be older than what
    it was built after, so `changed-and-after` takes nothing from such a build.
    """
    if strategy is Strategy.ALL:
        return None
    fitting = [
        (contexts.index(candidate.build_context), -candidate.time_completed.timestamp(), number, candidate)
        for number, candidate in enumerate(candidates)
        if candidate.scmurl and candidate.time_completed and candidate.build_context in contexts
        if strategy is Strategy.ONLY_CHANGED or candidate.rebuild_strategy != Strategy.ONLY_CHANGED
    ]
    return min(fitting, key=lambda ranked: ranked[:3])[3] if fitting else None


def reusable(new: ModuleFacts, previous: ModuleFacts | None, strategy: Strategy) -> dict[str, Reused | Refusal]:
    """Decide about every component, by name, in time linear in their number (§15.2)."""
    earlier = {component.name: component for component in previous.components} if previous else {}
    same_macros = previous is not None and (new.macros or "") == (previous.macros or "")
    decisions: dict[str, Reused | Refusal] = {}
    for component in new.components:
        found = earlier.get(component.name)
        reason = _obstacle(component, found, strategy, same_macros=same_macros)
        if found is not None and reason is None:
            decisions[component.name] = Reused(found)
        else:
            decisions[component.name] = Refusal(f"Cannot reuse the component {component.name} because {reason}")
    return decisions


def without_lost(
    decisions: Mapping[str, Reused | Refusal],
    components: Iterable[PlannedComponent],
    lost: Collection[str],
    strategy: Strategy,
) -> dict[str, Reused | Refusal]:
    """Refuse components whose earlier build is `lost` (deleted from Koji), and all behind with `changed-and-after`.

    What is built again is as good as changed, so what was built with it is not taken over either. MBS does not look.
    """
    batches = {component.name: component.batch for component in components}
    first = min((batches[name] for name in lost), default=None)

    def decide(name: str, decision: Reused | Refusal) -> Reused | Refusal:
        if isinstance(decision, Refusal):
            return decision
        if name in lost:
            reason = "its build is no longer complete in Koji"
        elif strategy is Strategy.CHANGED_AND_AFTER and first is not None and batches[name] > first:
            reason = _EARLIER_BATCH
        else:
            return decision
        return Refusal(f"Cannot reuse the component {name} because {reason}")

    return {name: decide(name, decision) for name, decision in decisions.items()}


def _obstacle(
    new: PlannedComponent, old: PlannedComponent | None, strategy: Strategy, *, same_macros: bool
) -> str | None:
    """Say what stands against taking `old` for `new`; None where nothing does."""
    if strategy is Strategy.ALL:
        return 'the module rebuild strategy is "all".'
    if old is None or new.ref is None or old.ref is None:
        return "a previous build of it can't be found in the database"
    if strategy is Strategy.CHANGED_AND_AFTER:
        return None if new.content_id == old.content_id else _what_changed(new, old, same_macros=same_macros)
    return _own_change(new, old, same_macros=same_macros)


def _own_change(new: PlannedComponent, old: PlannedComponent, *, same_macros: bool) -> str | None:
    """Say what of the component itself changed; the module's macros are part of how it is built."""
    if new.ref != old.ref:
        return "the commit hash changed since the last build"
    if not same_macros:
        return "the modulemd's macros are different than those of the compatible module build"
    if set(new.arches) != set(old.arches):
        return "its architectures have changed since the compatible module build"
    return None


def _what_changed(new: PlannedComponent, old: PlannedComponent, *, same_macros: bool) -> str:
    """Say why content ids differ."""
    own = _own_change(new, old, same_macros=same_macros)
    if own is not None:
        return own
    if new.batch != old.batch:
        return "it is being built in a different batch than in the compatible module build"
    return _EARLIER_BATCH
