"""Background processes that outlive the command which starts them, and that can be ended without a trace."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from tools.stack.layout import Layout, checkout

STOP_SECONDS = 20
"""How long a process may take to end by itself."""


def start(layout: Layout, name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start `command` in a session of its own, output appended to var/log/NAME.log, and remember it; return its pid."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.pids.mkdir(parents=True, exist_ok=True)
    with log_file(layout, name).open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=checkout(),
            env=dict(environment),
            start_new_session=True,
        )
    record = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
    _pid_file(layout, name).write_text(json.dumps(record))
    return process.pid


def running(layout: Layout, name: str) -> psutil.Process | None:
    """Give the process started under `name`, None where it has ended or its pid belongs to another by now."""
    try:
        record = json.loads(_pid_file(layout, name).read_text())
        process = psutil.Process(record["pid"])
        alive = process.create_time() == record["created"] and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, json.JSONDecodeError, psutil.NoSuchProcess):
        return None
    return process if alive else None


def names(layout: Layout) -> list[str]:
    """Give the names of all processes ever started and not yet stopped."""
    return sorted(path.stem for path in layout.pids.glob("*.pid"))


def stop(layout: Layout, name: str) -> None:
    """End the process started under `name` and its descendants; nothing happens where it does not run."""
    process = running(layout, name)
    if process is not None:
        end([process, *_descendants(process)])
    _pid_file(layout, name).unlink(missing_ok=True)


def end(processes: Iterable[psutil.Process]) -> None:
    """Ask processes to end, and kill those that do not."""
    asked = list(processes)
    for process in asked:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(asked, timeout=STOP_SECONDS)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=STOP_SECONDS)


def orphans(layout: Layout) -> Iterator[psutil.Process]:
    """Give processes that this stack's processes left behind: they carry its mark in their environment.

    The caller and its ancestors are none, although a test run inside a stack's environment carries the mark too.
    """
    family = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid not in family and _mark(process) == str(layout.home):
            yield process


def log_file(layout: Layout, name: str) -> Path:
    """Path of the output of the process `name`."""
    return layout.logs / f"{name}.log"


def log_tail(layout: Layout, name: str, lines: int = 15) -> str:
    """Give the last lines of the output of the process `name`."""
    path = log_file(layout, name)
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def _pid_file(layout: Layout, name: str) -> Path:
    return layout.pids / f"{name}.pid"


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("MBS_STACK")
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return None


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
