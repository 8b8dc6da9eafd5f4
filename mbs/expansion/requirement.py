"""What a dependency accepts: the meaning of a list of streams (§8.1) and of older base modules (§9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbs.model.registered import RegisteredModule


@dataclass(frozen=True, slots=True)
class Requirement:
    """One module name with the streams that will do."""

    name: str
    streams: tuple[str, ...] = ()
    """Any of these; empty: any stream that is not excluded."""
    excluded: tuple[str, ...] = ()
    virtual: bool = False
    """Whether virtual streams count as well: those of base modules do."""
    at_least: float | None = None
    """Lowest stream version that will do: a module built on el8.1 may be used on el8.2, never the reverse."""

    @classmethod
    def of(
        cls, name: str, listed: Sequence[str], *, virtual: bool = False, at_least: float | None = None
    ) -> Requirement:
        """Read a list of streams: named ones count; without any, `-x` excludes; an empty list means any stream.

        The lower bound holds for named streams only: "any stream" is the packager's word for any (§9).
        """
        named = tuple(stream for stream in listed if not stream.startswith("-"))
        if named:
            return cls(name, streams=named, virtual=virtual, at_least=at_least)
        return cls(name, excluded=tuple(stream[1:] for stream in listed), virtual=virtual)

    def admits(self, module: RegisteredModule) -> bool:
        """Tell whether `module` satisfies this."""
        offered = {module.nsvc.stream, *(module.virtual_streams if self.virtual else ())}
        return (
            module.nsvc.name == self.name
            and (not self.streams or not offered.isdisjoint(self.streams))
            and offered.isdisjoint(self.excluded)
            and (self.at_least is None or (module.stream_version or 0.0) >= self.at_least)
        )

    def __str__(self) -> str:
        """Give it in words; equal requirements, and only these, have equal words."""
        bound = "" if self.at_least is None else f" of at least {self.at_least:g}"
        if self.streams:
            return " or ".join(f"{self.name}:{stream}" for stream in self.streams) + bound
        if self.excluded:
            return f"any {self.name} but {', '.join(self.excluded)}"
        return f"any {self.name}"
