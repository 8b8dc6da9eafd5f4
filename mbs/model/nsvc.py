"""Name, stream, version, context: the identity of a module build, and patterns over it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import Struct

from mbs.model.errors import InvalidRequest

MAX_VERSION = 2**64 - 1
"""modulemd keeps a version in an unsigned 64-bit integer."""

_PART = re.compile(r"[^\s:\x00-\x1f\x7f]+")
_VERSION = re.compile(r"[0-9]{1,20}")


class NSVC(Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """The identity of a module build; version is an integer of up to 20 digits."""

    name: str
    stream: str
    version: int
    context: str

    @classmethod
    def parse(cls, text: str) -> NSVC:
        """Read `name:stream:version:context`; raise `InvalidRequest` for anything else."""
        pattern = NSVCPattern.parse(text)
        if pattern.version is None or pattern.context is None:
            raise InvalidRequest(f'"{text}" is not complete: write name:stream:version:context')
        return cls(pattern.name, pattern.stream, pattern.version, pattern.context)

    @classmethod
    def or_number(cls, text: str) -> int | NSVC:
        """Read what names a module build: its number in the registry, or its NSVC; raise `InvalidRequest`."""
        return int(text) if text.isdecimal() else cls.parse(text)

    def __str__(self) -> str:
        """Give `name:stream:version:context`."""
        return f"{self.name}:{self.stream}:{self.version}:{self.context}"

    @property
    def name_stream(self) -> str:
        """`name:stream`, what dependencies speak of."""
        return f"{self.name}:{self.stream}"


@dataclass(frozen=True, slots=True, order=True)
class NSVCPattern:
    """`name:stream[:version[:context]]`: a module stream, or some or one of its builds."""

    name: str
    stream: str
    version: int | None = None
    context: str | None = None

    @classmethod
    def parse(cls, text: str) -> NSVCPattern:
        """Read two to four parts; raise `InvalidRequest` with what is wrong."""
        parts = text.split(":")
        if not 2 <= len(parts) <= 4 or not all(_PART.fullmatch(part) for part in parts):
            raise InvalidRequest(f'"{text}" does not name a module: write name:stream, name:stream:version or the NSVC')
        name, stream, *rest = parts
        return cls(name, stream, _version(rest[0], text) if rest else None, rest[1] if len(rest) > 1 else None)

    def __str__(self) -> str:
        """Give the parts that are set, joined by colons."""
        parts = (self.name, self.stream, self.version, self.context)
        return ":".join(str(part) for part in parts if part is not None)


def _version(part: str, text: str) -> int:
    """Read the version of `text`."""
    if not _VERSION.fullmatch(part) or int(part) > MAX_VERSION:
        raise InvalidRequest(f'The version "{part}" in "{text}" is not a number of at most 64 bits')
    return int(part)
