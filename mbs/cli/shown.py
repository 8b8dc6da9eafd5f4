"""What commands show of module builds, wherever they have it from: the REST API, or the registry itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mbs.model.nsvc import NSVC
from mbs.model.states import ComponentState, ModuleState


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A module build."""

    id: int
    nsvc: NSVC
    state: ModuleState
    reason: str | None
    owner: str
    submitted: datetime
    """In UTC."""
    scratch: bool = False
    source: str | None = None
    koji_tag: str | None = None
    arches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a module build; batch 0 is module-build-macros."""

    name: str
    batch: int
    state: ComponentState | None
    reason: str | None
    nvr: str | None
    task_id: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a module build's state; `by` is None where that is not told."""

    time: datetime
    state: ModuleState
    by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A module build with all that is shown of it."""

    build: Build
    components: tuple[Component, ...]
    trace: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which builds to list; None does not filter."""

    name: str | None = None
    stream: str | None = None
    owner: str | None = None
    states: tuple[ModuleState, ...] = ()


class Builds(Protocol):
    """Where module builds are known; every method raises NotFound, Infrastructure, ApiError."""

    def number(self, key: int | NSVC) -> int:
        """Give the number of a build that exists."""
        ...

    def whole(self, build_id: int) -> Whole:
        """Give a build with its components, by batch, and its changes, the oldest first."""
        ...

    def progress(self, ids: Collection[int]) -> list[tuple[Build, tuple[Component, ...]]]:
        """Give builds with their components, at one moment or nearly so."""
        ...

    def find(self, wanted: Wanted, limit: int) -> tuple[list[Build], int]:
        """Give the newest builds, and how many there are."""
        ...

    def document(self, build_id: int) -> str:
        """Give the stored document of a build."""
        ...
