"""What expansion gives: the builds, and what cannot be built with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mbs.model.contexts import Contexts
from mbs.model.document import Dependencies
from mbs.model.registered import RegisteredModule

Axes = Mapping[str, tuple[str, ...]]
"""The streams that are combined, by module name."""


@dataclass(frozen=True, slots=True)
class ExpandedStream:
    """One module build to be: a single stream for everything it is built against."""

    dependencies: Dependencies
    """Its own, reduced pair; the only one that it has."""
    buildrequires: Mapping[str, RegisteredModule]
    """By module name, sorted: what it is built against, transitive requires and base modules included."""
    contexts: Contexts
    static: bool = False
    """Whether the packager chose the context."""

    @property
    def context(self) -> str:
        """The context of the NSVC."""
        return self.contexts.context


@dataclass(frozen=True, slots=True)
class Unsatisfied:
    """Streams that cannot be used together; nothing that contains them is built."""

    pair: int
    """The dependency pair, from 0."""
    combination: Mapping[str, str]
    """Stream by module name; only those that have a part in it, so none where a module has no stream at all."""
    reason: str
    """Why, in words."""

    def __str__(self) -> str:
        """Give the combination with its reason."""
        streams = ", ".join(f"{name}:{stream}" for name, stream in self.combination.items())
        return f"{streams}: {self.reason}" if streams else self.reason


@dataclass(frozen=True, slots=True)
class Expansion:
    """All results in the order of pairs, then of streams, base modules first; the same for the same input."""

    results: tuple[ExpandedStream, ...]
    unsatisfied: tuple[Unsatisfied, ...] = ()
