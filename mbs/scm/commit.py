"""When a commit was made, as the commit says it: anybody can write anything there."""

from __future__ import annotations

import datetime as dt
import re

from mbs.errors import Unprocessable

_COMMITTER = re.compile(rb"^committer [^\n]*> ([0-9]{1,20})(?: [+-][0-9]+)?$", re.MULTILINE)
_DAY = 86400
_YEAR_10000 = 253402300800
"""Seconds since 1970."""


def committed_at(commit: str, content: bytes, now: float) -> dt.datetime:
    """Read the commit time, in UTC, of a commit object; `now` in seconds since 1970.

    The version of the module is made from it, and the highest version wins (§7.1): a time that cannot be read, or that
    lies more than a day ahead, is refused. The time zone written beside it does not count.
    """
    header, _, _ = content.partition(b"\n\n")
    found = _COMMITTER.search(header)
    if found is None:
        raise Unprocessable(f"Commit {commit} has no date that can be read. Commit again, and submit that.")
    seconds = int(found[1])
    if seconds > now + _DAY:
        raise Unprocessable(
            f"Commit {commit} is dated {_shown(seconds)}, which is in the future: its module would stay the newest "
            "until then. Set the clock right, commit again, and submit that."
        )
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _shown(seconds: int) -> str:
    """Write a time for people; Python knows no year after 9999."""
    if seconds >= _YEAR_10000:
        return "after the year 9999"
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
