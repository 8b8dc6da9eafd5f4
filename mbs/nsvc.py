"""Name, stream, version, context: the identity of a module build."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class NSVC:
    """The identity of a module build; version is an integer of up to 20 digits."""

    name: str
    stream: str
    version: int
    context: str

    def __str__(self) -> str:
        """Give `name:stream:version:context`."""
        return f"{self.name}:{self.stream}:{self.version}:{self.context}"
