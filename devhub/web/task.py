"""The page of a task: its tree, what it was asked for, how it ended, what it put out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import koji
import koji.tasks

from devhub import lookup, tasks
from devhub.database import Connection
from devhub.methods import builds as build_calls
from devhub.methods import tasks as task_calls
from devhub.web.asked import Asked, NotThere

TAIL = 4096
"""Bytes of a log that are shown."""
_MOST = 500
"""Tasks of a tree, and files of an output, that are shown."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a task put out; `tail` are the last lines of a log, None for other files."""

    name: str
    size: int
    address: str
    tail: str | None


def taskinfo(asked: Asked) -> dict[str, Any]:
    """Show a task."""
    call, task_id = asked.call, asked.number("taskID", "task")
    task = task_calls.get_task_info(call, task_id, request=True)
    if task is None:
        raise NotThere(f"There is no task {task_id}.")
    fault, result = _outcome(call.connection, task)
    tree = _tree(call.connection, task_id)
    return {
        "task": task,
        "owner": _name(call.connection, "users", task["owner"]),
        "host": _name(call.connection, "hosts", task["host_id"]),
        "channel": _name(call.connection, "channels", task["channel_id"]),
        "parameters": _parameters(task),
        "tree": tree,
        "builds": build_calls.list_builds(call, taskID=task_id),
        "fault": fault,
        "result": result,
        "outputs": _outputs(asked, task_id),
        "failures": [{"task": row, "outputs": _outputs(asked, row["id"])} for row in _failed_below(tree, task_id)],
        "files": _address(asked, task_id),
    }


def _name(connection: Connection, table: str, ref: int | None) -> str | None:
    found = None if ref is None else lookup.find(connection, table, ref)
    return str(found["name"]) if found else None


def _outcome(connection: Connection, task: dict[str, Any]) -> tuple[dict[str, Any] | None, Any]:
    """Give the fault of a failed task, or the result of a closed one."""
    if task["state"] == tasks.FAILED:
        return tasks.result(connection, task["id"], raise_fault=False), None
    return None, tasks.result(connection, task["id"]) if task["state"] == tasks.CLOSED else None


def _parameters(task: dict[str, Any]) -> dict[str, Any]:
    """Name what the task was asked for as its method names it; numbered where it is not Koji's."""
    try:
        named = koji.tasks.parse_task_params(task["method"], task["request"])
    except Exception:  # noqa: BLE001 - whatever somebody asked for, its page must be shown
        named = {str(position): value for position, value in enumerate(task["request"])}
    options = named.pop("opts", None)
    return {**named, **(options if isinstance(options, dict) else {})}


def _tree(connection: Connection, task_id: int) -> list[dict[str, Any]]:
    """Give the whole tree that a task belongs to, from its top, each task with its depth."""
    top, parent = task_id, tasks.must_exist(connection, task_id)["parent"]
    while parent is not None:
        top, parent = parent, tasks.must_exist(connection, parent)["parent"]
    rows: list[dict[str, Any]] = []
    waiting = [(top, 0)]
    while waiting and len(rows) < _MOST:
        current, depth = waiting.pop()
        row = tasks.info(tasks.must_exist(connection, current), request=True)
        rows.append({**row, "depth": depth})
        waiting += [(child.id, depth + 1) for child in reversed(tasks.children(connection, current))]
    return rows


def _failed_below(tree: list[dict[str, Any]], task_id: int) -> list[dict[str, Any]]:
    """Give the failed tasks that a task's failure comes from: those under it with nothing failed under them."""
    below, parents = {task_id}, {row["parent"] for row in tree if row["state"] == tasks.FAILED}
    for row in tree:  # parents come before their children
        if row["parent"] in below:
            below.add(row["id"])
    wanted = below - parents - {task_id}
    return [row for row in tree if row["id"] in wanted and row["state"] == tasks.FAILED]


def _address(asked: Asked, task_id: int) -> str:
    return f"/kojifiles/work/{asked.call.settings.paths.taskrelpath(task_id)}/"


def _outputs(asked: Asked, task_id: int) -> list[Output]:
    """List what a task put out, the logs first."""
    top = Path(asked.call.settings.paths.task(task_id))
    files = [path for path in sorted(top.rglob("*"))[:_MOST] if path.is_file() and not path.is_symlink()]
    found = [_output(path, top, _address(asked, task_id)) for path in files]
    return sorted(found, key=lambda output: output.tail is None)


def _output(path: Path, top: Path, address: str) -> Output:
    name = str(path.relative_to(top))
    tail = _tail(path) if path.suffix == ".log" else None
    link = f"{address}{quote(os.fsencode(name))}"
    return Output(name, path.stat().st_size, link, tail)


def _tail(path: Path) -> str:
    """Give the end of a log, from the beginning of a line."""
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(size - TAIL, 0))
        found = log.read().decode(errors="replace")
    return found.partition("\n")[2] if size > TAIL and "\n" in found else found
