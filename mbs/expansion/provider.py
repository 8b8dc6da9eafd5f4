"""What expansion needs to know of registered modules; the registry is one provider, files are another.

Where they are stored their documents are text, which is read only where it may be read (`mbs.expansion.stored`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mbs.errors import Problem
from mbs.modulemd.document import Modulemd
from mbs.nsvc import NSVC


@dataclass(frozen=True, slots=True)
class RegisteredModule:
    """A finished (ready) module build or a base module, as expansion sees it."""

    nsvc: NSVC
    document: Modulemd
    koji_tag: str | None = None
    commit: str = ""
    """The dist-git commit (`xmd.mbs.commit`), the `ref` in `xmd.mbs.buildrequires`."""
    stream_version: float | None = None
    """Of base modules, padded to x.y.z (§7.3): el8.1 is 80100.0."""
    virtual_streams: tuple[str, ...] = ()
    buildrequires: Mapping[str, NSVC] = field(default_factory=dict)
    """What it was built against, resolved (`xmd.mbs.buildrequires`), base modules included."""
    arches: tuple[str, ...] = ()
    retired: bool = False
    """A base module that is no longer built for (state garbage); what was built against it may still be used."""


@dataclass(frozen=True, slots=True)
class StoredModule:
    """A registered module whose document is still text; the other fields are those of `RegisteredModule`."""

    nsvc: NSVC
    text: str
    koji_tag: str | None = None
    commit: str = ""
    stream_version: float | None = None
    virtual_streams: tuple[str, ...] = ()
    buildrequires: Mapping[str, NSVC] = field(default_factory=dict)
    arches: tuple[str, ...] = ()
    retired: bool = False


class ModuleStore(Protocol):
    """Where modules are stored; it answers what `ModuleProvider` answers, in the same order."""

    def streams(self, name: str) -> Sequence[str]:
        """Give the streams of `name` with at least one ready build, sorted."""
        ...

    def builds(self, name: str, stream: str) -> Sequence[StoredModule]:
        """Give all ready builds of `name:stream`."""
        ...

    def base_modules(self, name: str) -> Sequence[StoredModule]:
        """Give the newest build of every stream of the base module `name`."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedModules:
    """The modules of some files, as they are imported."""

    modules: tuple[RegisteredModule, ...] = ()
    """Each once."""
    filled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By NSVC what was filled in, for those that lacked something."""
    refused: tuple[tuple[Problem, ...], ...] = ()
    """For every document that cannot be taken what is wrong with it."""
    remarks: tuple[str, ...] = ()
    """What else there was: documents of another kind, or twice."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of all documents."""
        return tuple(problem for problems in self.refused for problem in problems)


class ModuleProvider(Protocol):
    """Where registered modules come from. All answers are in a fixed order: newest version first, then context."""

    def streams(self, name: str) -> Sequence[str]:
        """Give the streams of `name` with at least one ready build, sorted."""
        ...

    def builds(self, name: str, stream: str) -> Sequence[RegisteredModule]:
        """Give all ready builds of `name:stream`, all versions and contexts, newest version first."""
        ...

    def base_modules(self, name: str) -> Sequence[RegisteredModule]:
        """Give the newest build of every stream of the base module `name`, highest stream version first.

        The newest ready one; for a stream that has none, the newest that is retired.
        """
        ...
