"""Processes that nobody waits for any more: how they are kept within reach, found and ended.

supervisord knows no processes but those that it has started, psutil neither sessions nor who adopts orphans. Airflow
gives its processes titles, which overwrites their environment, where mirakuru looks for its mark; where they stand in
the tree does not change.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

STOP_SECONDS = 20
"""How long a process may take to end by itself."""

CLOCK_SECONDS = 2.0
"""How far two readings of the time at which a process was created may differ, where the clock is set."""

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Have this process be the parent of all its descendants whose own parents die; it stays so through `exec`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end(processes: Iterable[psutil.Process], seconds: float = STOP_SECONDS) -> None:
    """Ask processes to end, and kill those that have not after so many seconds."""
    asked = list(processes)
    for process in asked:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(asked, timeout=seconds)
    kill(stubborn)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes, and return when they are gone."""
    killed = list(processes)
    for process in killed:
        _signal(process.kill)
    psutil.wait_procs(killed, timeout=STOP_SECONDS)


def with_descendants(process: psutil.Process) -> list[psutil.Process]:
    """Give a process and all below it."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def of_session(session: int, created: float) -> list[psutil.Process]:
    """Give all processes of a session, and those below them that have sessions of their own.

    `created` is when the session's leader was; a number that belongs to another leader by now has no processes.
    """
    if not _may_be(session, created):
        return []
    members = [process for process in psutil.process_iter() if _session_of(process) == session]
    found = {each.pid: each for member in members for each in with_descendants(member)}
    return [process for process in found.values() if lives(process)]


def _may_be(session: int, created: float) -> bool:
    """Tell whether the leader of a session is the one of that time, or dead, when no other can have its number."""
    with suppress(psutil.NoSuchProcess):
        return abs(psutil.Process(session).create_time() - created) < CLOCK_SECONDS
    return True


def lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended, waited for by its parent or not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send()
