"""The registry: what module builds there are, in which state, with which plan (PostgreSQL)."""

from __future__ import annotations

from mbs.registry.components import LockedComponent
from mbs.registry.registry import Registry, engine_for
from mbs.registry.rows import (
    BuildFilter,
    BundleEntry,
    ComponentFilter,
    ComponentRow,
    DocumentRow,
    Finished,
    Imported,
    Listing,
    ModuleBuildRow,
    Page,
    StoredPlan,
    TraceRow,
)
from mbs.registry.states import CANCELABLE, UNFINISHED, ComponentState, ModuleState
from mbs.registry.submission import MACROS, Outcome, Recorded
from mbs.submission.build import Allocation, NewBuild

__all__ = [
    "CANCELABLE",
    "MACROS",
    "UNFINISHED",
    "Allocation",
    "BuildFilter",
    "BundleEntry",
    "ComponentFilter",
    "ComponentRow",
    "ComponentState",
    "DocumentRow",
    "Finished",
    "Imported",
    "Listing",
    "LockedComponent",
    "ModuleBuildRow",
    "ModuleState",
    "NewBuild",
    "Outcome",
    "Page",
    "Recorded",
    "Registry",
    "StoredPlan",
    "TraceRow",
    "engine_for",
]
