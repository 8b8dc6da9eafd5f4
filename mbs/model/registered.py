"""Registered modules, as stream expansion asks for them; the registry is one provider, files and memory are others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from mbs.model.contexts import DEFAULT_CONTEXT
from mbs.model.document import Modulemd
from mbs.model.errors import Problem
from mbs.model.nsvc import NSVC

Document = TypeVar("Document")
Document_co = TypeVar("Document_co", covariant=True)


class BuildRequire(Struct, frozen=True, forbid_unknown_fields=True):
    """A module build that another is built against: an entry of `xmd.mbs.buildrequires`."""

    name: str
    stream: str
    version: int
    context: str
    koji_tag: str | None = None
    ref: str = ""
    """The dist-git commit of its document."""

    @classmethod
    def read(cls, name: str, entry: object) -> BuildRequire:
        """Read an entry of any age; raise ValueError where it names no build. Fedora's first ones have no context."""
        found = entry if isinstance(entry, Mapping) else {}
        stream, version = found.get("stream"), str(found.get("version", ""))
        context = found.get("context", DEFAULT_CONTEXT)
        if not (isinstance(stream, str) and version.isdecimal() and isinstance(context, str)):
            msg = "needs a stream and a version (a number)"
            raise ValueError(msg)
        tag, ref = (str(found.get(key) or "") for key in ("koji_tag", "ref"))
        return cls(name, stream, int(version), context, tag or None, ref)

    @property
    def entry(self) -> dict[str, str]:
        """The entry as MBS writes it."""
        return {
            "ref": self.ref,
            "stream": self.stream,
            "version": str(self.version),
            "context": self.context,
            "koji_tag": self.koji_tag or "",
        }

    @property
    def nsvc(self) -> NSVC:
        """The build that it is."""
        return NSVC(self.name, self.stream, self.version, self.context)


@dataclass(frozen=True)  # with slots, what Python 3.11 does on a call of `Registered[...]` is an error
class Registered(Generic[Document_co]):
    """A finished (ready) module build or a base module; its document is read already, or still text."""

    nsvc: NSVC
    document: Document_co
    koji_tag: str | None = None
    commit: str = ""
    """The dist-git commit (`xmd.mbs.commit`), the `ref` in `xmd.mbs.buildrequires`."""
    stream_version: float | None = None
    """Of base modules, padded to x.y.z (§7.3): el8.1 is 80100.0."""
    virtual_streams: tuple[str, ...] = ()
    buildrequires: Mapping[str, BuildRequire] = field(default_factory=dict)
    """What it was built against, base modules included."""
    arches: tuple[str, ...] = ()
    retired: bool = False
    """A base module that is no longer built for (state garbage); what was built against it may still be used."""

    def having(self, document: Document) -> Registered[Document]:
        """Give the same module with its document in another form."""
        return Registered(document=document, **{name: getattr(self, name) for name in _BESIDE})


_BESIDE = {each.name for each in fields(Registered)} - {"document"}

RegisteredModule: TypeAlias = Registered[Modulemd]
StoredModule: TypeAlias = Registered[str]


class Modules(Protocol[Document_co]):
    """Where registered modules come from. All answers are in a fixed order: newest version first, then context."""

    def streams(self, name: str) -> Sequence[str]:
        """Give the streams of `name` with at least one ready build, sorted."""
        ...

    def builds(self, name: str, stream: str) -> Sequence[Registered[Document_co]]:
        """Give all ready builds of `name:stream`, all versions and contexts, newest version first."""
        ...

    def base_modules(self, name: str) -> Sequence[Registered[Document_co]]:
        """Give the newest build of every stream of the base module `name`, highest stream version first.

        The newest ready one; for a stream that has none, the newest that is retired.
        """
        ...


ModuleProvider: TypeAlias = Modules[Modulemd]
"""What expansion asks."""
ModuleStore: TypeAlias = Modules[str]
"""Where modules are stored; it answers what a provider answers."""


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


class MemoryProvider:
    """A `ModuleProvider` over a fixed set of modules."""

    def __init__(self, modules: Iterable[RegisteredModule]) -> None:
        """Take the modules in any order."""
        self._streams: dict[str, dict[str, list[RegisteredModule]]] = {}
        for module in sorted(modules, key=lambda module: (-module.nsvc.version, module.nsvc.context)):
            self._streams.setdefault(module.nsvc.name, {}).setdefault(module.nsvc.stream, []).append(module)

    def streams(self, name: str) -> tuple[str, ...]:
        """Give the streams of `name` with a ready build, sorted."""
        return tuple(sorted(stream for stream in self._streams.get(name, {}) if self.builds(name, stream)))

    def builds(self, name: str, stream: str) -> tuple[RegisteredModule, ...]:
        """Give all ready builds of `name:stream`, newest version first."""
        streams = self._streams.get(name, {})
        return tuple(module for module in streams.get(stream, []) if not module.retired)

    def base_modules(self, name: str) -> tuple[RegisteredModule, ...]:
        """Give the newest build of every stream of `name`, ready ones first choice, highest stream version first."""
        newest = [min(builds, key=lambda module: module.retired) for builds in self._streams.get(name, {}).values()]
        return tuple(sorted(newest, key=lambda module: (-(module.stream_version or 0.0), module.nsvc.stream)))
