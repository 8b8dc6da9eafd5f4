"""The bounds of a sandbox. All its processes share the wall time; the others hold for each of them, git's included.

Memory is what a process may write to (`RLIMIT_DATA`), for its address space tells nothing: a thread reserves 64 MB of
that and uses none. The number of processes is not bounded: the kernel counts all processes of a user together, the
service's own too. Nothing that lies in a repository is run, so nothing is there that could multiply.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import threading
from dataclasses import dataclass

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
