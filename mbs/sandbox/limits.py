"""The bounds of a sandbox, and the one sentence that its user reads when it ended at one of them."""

from __future__ import annotations

import math
import os
import re
import resource
import signal
import threading
from dataclasses import dataclass

from mbs.model.errors import Infrastructure, MbsError, TimedOut, Unprocessable

_MEBIBYTE = 1024 * 1024
_THREAD_STACK = _MEBIBYTE
"""Bytes of each further thread's stack: twenty of them wait for git."""
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
_GRACE = 5
"""Seconds after which a child ends by itself whose parent has not ended it in time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run of a sandbox may use."""

    seconds: float = 300.0
    """Wall time, from the start of the interpreter."""
    memory: int = 512 * _MEBIBYTE
    """Bytes."""
    cpu: int = 120
    """Seconds of processor time."""
    file: int = 256 * _MEBIBYTE
    """Bytes of a file that is written."""
    open_files: int = 512


def impose(limits: Limits, parent: int) -> None:
    """Bound this process and all it starts, and tie its life to that of the process `parent`."""
    import ctypes  # noqa: PLC0415 - only a sandbox needs it

    ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_DATA, limits.memory)
    _bound(resource.RLIMIT_FSIZE, limits.file)
    _bound(resource.RLIMIT_NOFILE, limits.open_files)
    _bound(resource.RLIMIT_CPU, limits.cpu, limits.cpu + 1)  # the soft limit is told from other kills by its signal
    signal.alarm(math.ceil(limits.seconds) + _GRACE)
    threading.stack_size(_THREAD_STACK)


def _bound(what: int, most: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    _, ceiling = resource.getrlimit(what)
    hard = most if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        most, hard = min(most, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (most, hard))


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
