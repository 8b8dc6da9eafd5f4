"""Versions of module builds: the commit time behind the number of the platform (MBS §7.1, §7.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from mbs.errors import Unprocessable
from mbs.nsvc import MAX_VERSION
from mbs.streams import stream_version

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
