"""The number in a stream's name: what orders the streams of a base module (MBS §7.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_DIGITS = re.compile(r"[0-9][0-9.]*")
_SECTIONS = 3


@dataclass(frozen=True, slots=True, order=True)
class StreamVersion:
    """The numbers of a stream as `x`, `x.y` or `x.y.z`: `el8.1` is (8, 1)."""

    sections: tuple[int, ...]
    suffix: float = 0.0
    """Added by the setting `stream_suffixes`, to order streams that have the same number."""

    @classmethod
    def parse(cls, stream: str, suffixes: Mapping[str, float] | None = None) -> StreamVersion | None:
        """Read the first number of `stream`; None where it has none (MBS says 0, see docs/decisions/0002).

        `suffixes` maps regular expressions, matched from the start of the stream, to what is added; the first
        that matches counts. Sections after the third are left out.
        """
        found = _DIGITS.search(stream)
        sections = tuple(int(part or "0") for part in found.group().rstrip(".").split(".")) if found else ()
        suffix = next((float(value) for regex, value in (suffixes or {}).items() if re.match(regex, stream)), 0.0)
        return cls(sections[:_SECTIONS], suffix) if sections or suffix else None

    @property
    def is_xyz(self) -> bool:
        """Whether minor versions are told apart, so that a range of compatible streams exists (MBS §8.3)."""
        return len(self.sections) > 1

    @property
    def padded(self) -> float:
        """As if written x.y.z: `el8` and `el8.0.0` are 80000, `el8.1` is 80100."""
        return _joined((*self.sections, 0, 0, 0)[:_SECTIONS]) + self.suffix

    @property
    def unpadded(self) -> float:
        """Only what is written, two digits per section: `el8` is 8, `el8.1` is 801."""
        return _joined(self.sections) + self.suffix

    @property
    def major(self) -> int:
        """The first section: streams with the same one are compatible with each other."""
        return int(self.padded) // 10000


def stream_version(stream: str, *, right_pad: bool = True, suffixes: Mapping[str, float] | None = None) -> float | None:
    """Give the number that orders `stream`: 80100.0 for `el8.1`, or 801.0 without `right_pad`."""
    version = StreamVersion.parse(stream, suffixes)
    if version is None:
        return None
    return version.padded if right_pad else version.unpadded


def _joined(sections: tuple[int, ...]) -> int:
    """Give two decimal digits to each section."""
    number = 0
    for section in sections:
        number = number * 100 + section
    return number
