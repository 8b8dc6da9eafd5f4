"""The registry: what module builds there are, in which state, with which plan (PostgreSQL)."""

from __future__ import annotations

from mbs.model.states import CANCELABLE, UNFINISHED, ComponentState, ModuleState
from mbs.registry.components import LockedComponent
from mbs.registry.recording import Allocation, Identity, NewBuild, Outcome, Recorded, Recording
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

__all__ = [
    "CANCELABLE",
    "UNFINISHED",
    "Allocation",
    "BuildFilter",
    "BundleEntry",
    "ComponentFilter",
    "ComponentRow",
    "ComponentState",
    "DocumentRow",
    "Finished",
    "Identity",
    "Imported",
    "Listing",
    "LockedComponent",
    "ModuleBuildRow",
    "ModuleState",
    "NewBuild",
    "Outcome",
    "Page",
    "Recorded",
    "Recording",
    "Registry",
    "StoredPlan",
    "TraceRow",
    "engine_for",
]
