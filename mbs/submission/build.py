"""What a submission hands to the registry: builds that get their ids, and their last names, while they are recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mbs.nsvc import NSVC
from mbs.plan import BuildPlan


@dataclass(frozen=True, slots=True)
class Allocation:
    """What only the registry can say about a new build; a plan's names are made from it (MBS §12.1)."""

    build_id: int
    first_sibling_id: int
    """The smallest id among this build and its siblings: the index in the dist."""
    nsvc: NSVC
    """The final identity: a scratch build's context has got its number (MBS §7.5)."""


@dataclass(frozen=True, slots=True)
class NewBuild:
    """One context of a submission, before it has an id."""

    nsvc: NSVC
    make_plan: Callable[[Allocation], BuildPlan]
    build_context: str | None = None
    build_context_no_bms: str | None = None
    runtime_context: str | None = None
    commit: str = ""
    srpms: tuple[str, ...] = ()
    buildrequires: Mapping[str, object] = field(default_factory=dict)
    """`xmd.mbs.buildrequires`."""
    scratch: bool = False
    rebuild_strategy: str = "changed-and-after"
    reuse_from_id: int | None = None
