"""What became of a sandbox, as the one sentence that its user reads: a pure function of how it ended."""

from __future__ import annotations

import re
import signal

from mbs.errors import Infrastructure, MbsError, TimedOut, Unprocessable
from mbs.sandbox.limits import Limits

_NO_MEMORY = re.compile(r"alloc|memory", re.IGNORECASE)
"""What GLib, libsolv and Python say before they give up."""
_MOST_OF_IT = 0.75
"""Of the memory: who had as much before he crashed had no more."""
_SHORT = 2000
"""Characters of what a defect has written."""

_OUTSIDERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NOTHING = "Nothing was recorded, nothing was created in Koji."


class Stopped(Infrastructure):
    """A sandbox was killed from outside; the same work may well succeed."""


class Defect(MbsError):
    """A sandbox ended in a way that only the service itself is to blame for."""


def too_late(limits: Limits, doing: str) -> MbsError:
    """Say that the deadline has passed, and what was done then."""
    meanwhile = f" while {doing}" if doing else ""
    return TimedOut(
        f"It took longer than {limits.seconds:g} seconds (setting submission_deadline) and was given up{meanwhile}. "
        f"{_NOTHING} Submit again when whatever was slow answers again."
    )


def too_much(limits: Limits) -> MbsError:
    """Say that the memory did not suffice."""
    return Unprocessable(
        f"The document needs more than the {limits.memory // 2**20} MB of memory that one may use (setting "
        f"submission_memory). {_NOTHING} Make it smaller, or split the module."
    )


def too_long() -> MbsError:
    """Say that there is too much of what was planned."""
    return Unprocessable(
        f"The plans of all its module builds together are too large. {_NOTHING} Make the document smaller, or name "
        "fewer streams in its dependencies."
    )


def died(status: int, written: str, peak: int, limits: Limits) -> MbsError:
    """Say what a death means: `status` is that of `subprocess`, `written` its errors, `peak` its memory in bytes."""
    if status == -signal.SIGALRM:
        return too_late(limits, "")
    if status == -signal.SIGXCPU:
        return Unprocessable(
            f"The document needs more than the {limits.cpu} seconds of processor time that one may use. {_NOTHING} "
            "Make it smaller, or name fewer streams in its dependencies."
        )
    if status < 0 and -status in _OUTSIDERS:
        return Stopped(
            f"The process that worked on the document was killed ({signal.Signals(-status).name}), by a person or "
            f"because the machine has no memory left. {_NOTHING}"
        )
    if status >= 0:
        return Defect(f"The process that worked on the document ended with status {status}: {written[-_SHORT:]}")
    if _NO_MEMORY.search(written) or peak > _MOST_OF_IT * limits.memory:
        return too_much(limits)
    return Unprocessable(
        f"A parser crashed on the document ({signal.Signals(-status).name}). {_NOTHING} Look for what is unusual in "
        "it, and report it to those who run this service."
    )
