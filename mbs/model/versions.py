"""Numbers of streams and versions of module builds: what orders them (MBS §7.1 to §7.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mbs.model.errors import Unprocessable
from mbs.model.nsvc import MAX_VERSION

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


_TIME_FORMAT = "%Y%m%d%H%M%S"
_TIME_DIGITS = 14
_COMPACT_FROM = 180000
_COMPACT_BASE = 18 * 10**18
_COMPACT_SECONDS = 10**10


def commit_version(seconds: int) -> int:
    """Give the version of a commit made at `seconds` since 1970: 20240102030405."""
    return int(datetime.fromtimestamp(seconds, tz=UTC).strftime(_TIME_FORMAT))


def prefixed_version(version: int, platform_stream: str | None, suffixes: Mapping[str, float] | None = None) -> int:
    """Put the number of the base module's stream before `version`, so that newer platforms have newer builds.

    `28` and 20240102030405 give 2820240102030405, as in MBS. From 18.0.0 on that would not fit into 64 bits (MBS
    then leaves out the prefix, and the order with it): there the result is `18`, the prefix in eight digits and the
    commit time in seconds since 1970 in ten (docs/decisions/0001). No base module or no number: unchanged.
    Raises `Unprocessable` where even that does not fit.
    """
    number = stream_version(platform_stream, right_pad=False, suffixes=suffixes) if platform_stream else None
    if not number or number < 1:
        return version
    prefix = math.floor(number)
    result = _compact(prefix, version) if prefix >= _COMPACT_FROM else int(f"{prefix}{version}")
    if result is None or result > MAX_VERSION:
        raise Unprocessable(
            f"The version {version} cannot follow the number {prefix} of the platform stream {platform_stream}: "
            "together they exceed 64 bits. Leave out the version, then the commit time is taken"
        )
    return result


def _compact(prefix: int, version: int) -> int | None:
    """Give `18`, the prefix and the seconds as one number, None where the seconds need more than ten digits."""
    seconds = _seconds(version)
    return _COMPACT_BASE + prefix * _COMPACT_SECONDS + seconds if seconds < _COMPACT_SECONDS else None


def _seconds(version: int) -> int:
    """Read a commit version back as seconds since 1970; a version that is no time stands for itself."""
    text = str(version)
    if len(text) != _TIME_DIGITS:
        return version
    try:
        return int(datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return version
