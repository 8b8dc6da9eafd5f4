"""Koji's tasks: made free, opened by a builder, closed, failed or canceled, with children that carry labels.

    task_id = create(connection, "build", [url, "f40", {}], owner=2)
    task = claim(connection, host_id=1, arches=["x86_64", "noarch"])     # the most urgent free one, now OPEN
    close(connection, task.id, {"rpms": []}) or fail(connection, task.id, 1005, "text of the fault")

Requests and results are JSON values. Whatever ends a task twice is a no-op that answers False, so that a builder that
finishes late does not undo a cancellation. Every function that writes needs a transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

import koji

from devhub import events
from devhub.database import Connection
from devhub.values import Value

FREE, OPEN, CLOSED = koji.TASK_STATES["FREE"], koji.TASK_STATES["OPEN"], koji.TASK_STATES["CLOSED"]
CANCELED, ASSIGNED, FAILED = koji.TASK_STATES["CANCELED"], koji.TASK_STATES["ASSIGNED"], koji.TASK_STATES["FAILED"]
UNFINISHED = (FREE, OPEN, ASSIGNED)

INFO_COLUMNS = (
    "id, state, method, owner, host_id, parent, label, arch, channel_id, priority, weight, waiting, awaited, "
    "create_time, start_time, completion_time"
)


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the builders need it; `request` is decoded, `result` None until it ended."""

    id: int
    method: str
    request: list[Any]
    state: int
    owner: int | None
    host_id: int | None
    parent: int | None
    label: str | None
    arch: str
    priority: int
    result: Value

    @property
    def finished(self) -> bool:
        """Whether it is closed, canceled or failed."""
        return self.state not in UNFINISHED


def create(  # noqa: PLR0913 - a task is all of this, and all but the first three by name
    connection: Connection,
    method: str,
    request: Sequence[Any],
    *,
    owner: int | None,
    parent: int | None = None,
    label: str | None = None,
    arch: str = "noarch",
    priority: int | None = None,
    channel: str = "default",
) -> int:
    """Make a free task and give its id; a child is one step more urgent than its parent unless told."""
    if priority is None:
        priority = koji.PRIO_DEFAULT if parent is None else _priority(connection, parent) - 1
    cursor = connection.execute(
        "INSERT INTO tasks (state, method, request, owner, parent, label, arch, channel_id, priority, create_time)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            FREE,
            method,
            json.dumps(request),
            owner,
            parent,
            label,
            arch,
            _channel(connection, channel),
            priority,
            time.time(),
        ),
    )
    return int(cursor.lastrowid or 0)


def get(connection: Connection, task_id: int) -> Task | None:
    """Read a task, or None."""
    row = connection.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
    return _task(row) if row else None


def children(connection: Connection, parent: int) -> list[Task]:
    """Read the children of a task, oldest first."""
    rows = connection.execute("SELECT * FROM tasks WHERE parent = ? ORDER BY id", (parent,))
    return [_task(row) for row in rows]


def in_state(connection: Connection, *states: int) -> list[Task]:
    """Read all tasks in the given states (all unfinished ones by default), the most urgent first."""
    wanted = ",".join(str(int(state)) for state in states or UNFINISHED)
    rows = connection.execute(f"SELECT * FROM tasks WHERE state IN ({wanted}) ORDER BY priority, id")
    return [_task(row) for row in rows]


def claim(
    connection: Connection, *, host_id: int, arches: Iterable[str], methods: Iterable[str] | None = None
) -> Task | None:
    """Open the most urgent free task of one of the arches (and methods) for a host; None when there is none.

    `label` is not looked at: Koji's noarch tasks run anywhere, so pass "noarch" among the arches where they may.
    """
    arch_list, method_list = json.dumps(list(arches)), json.dumps(None if methods is None else list(methods))
    row = connection.execute(
        "SELECT id FROM tasks WHERE state = 0 AND arch IN (SELECT value FROM json_each(?1))"
        " AND (?2 = 'null' OR method IN (SELECT value FROM json_each(?2))) ORDER BY priority, id LIMIT 1",
        (arch_list, method_list),
    ).fetchone()
    if row is None:
        return None
    open_for(connection, row["id"], host_id)
    return get(connection, row["id"])


def open_for(connection: Connection, task_id: int, host_id: int, weight: float | None = None) -> bool:
    """Open a free task for a host; False when it is not free any more."""
    cursor = connection.execute(
        "UPDATE tasks SET state = ?, host_id = ?, start_time = ?, weight = coalesce(?, weight)"
        " WHERE id = ? AND state IN (?, ?)",
        (OPEN, host_id, time.time(), weight, task_id, FREE, ASSIGNED),
    )
    return cursor.rowcount == 1


def release(connection: Connection, task_id: int) -> bool:
    """Give an open task back, free for any host (a builder was lost); False when it has ended."""
    cursor = connection.execute(
        "UPDATE tasks SET state = ?, host_id = NULL, waiting = NULL WHERE id = ? AND state IN (?, ?)",
        (FREE, task_id, OPEN, ASSIGNED),
    )
    return cursor.rowcount == 1


def set_waiting(connection: Connection, task_id: int, waiting: bool) -> None:
    """Say whether a task only waits for its children."""
    connection.execute("UPDATE tasks SET waiting = ? WHERE id = ?", (waiting, task_id))


def set_weight(connection: Connection, task_id: int, weight: float) -> None:
    """Set the load a task puts on its host."""
    connection.execute("UPDATE tasks SET weight = ? WHERE id = ?", (weight, task_id))


def set_priority(connection: Connection, task_id: int, priority: int, recurse: bool = False) -> None:
    """Set the priority of a task, and with `recurse` of everything below it (lower is more urgent)."""
    for member in family(connection, task_id) if recurse else [task_id]:
        connection.execute("UPDATE tasks SET priority = ? WHERE id = ?", (priority, member))


def close(connection: Connection, task_id: int, result: Value) -> bool:
    """End a task with its result; False when it had ended already."""
    return _end(connection, task_id, CLOSED, result)


def fail(connection: Connection, task_id: int, code: int, message: str) -> bool:
    """End a task with a fault; False when it had ended already."""
    return _end(connection, task_id, FAILED, {"faultCode": code, "faultString": message})


def cancel(connection: Connection, task_id: int, recurse: bool = True) -> bool:
    """Cancel a task, the build it makes, and its unfinished children; False when it is closed or failed.

    Raises GenericError for a task that does not exist (Koji: Task.cancel).
    """
    state = must_exist(connection, task_id)["state"]
    if state not in UNFINISHED:
        return bool(state == CANCELED)
    now = time.time()
    connection.execute("UPDATE tasks SET state = ?, completion_time = ? WHERE id = ?", (CANCELED, now, task_id))
    connection.execute(
        "UPDATE builds SET state = ?, completion_time = ? WHERE task_id = ? AND state = ?",
        (koji.BUILD_STATES["CANCELED"], now, task_id, koji.BUILD_STATES["BUILDING"]),
    )
    if recurse:
        cancel_children(connection, task_id)
    return True


def cancel_children(connection: Connection, task_id: int) -> None:
    """Cancel every unfinished task below one, leaving it alone."""
    for row in connection.execute("SELECT id FROM tasks WHERE parent = ?", (task_id,)).fetchall():
        cancel(connection, row["id"])


def cancel_group(connection: Connection, task_id: int, strict: bool = True) -> None:
    """Cancel a whole tree from its top; with `strict` the task given must be the top (Koji: cancelFull)."""
    parent = must_exist(connection, task_id)["parent"]
    if parent is not None and strict:
        raise koji.GenericError(f"Task {task_id} is not top-level (parent={parent})")
    while parent is not None:
        task_id, parent = parent, must_exist(connection, parent)["parent"]
    for member in family(connection, task_id):
        cancel(connection, member, recurse=False)


def family(connection: Connection, task_id: int) -> list[int]:
    """Give the ids of a task and everything below it, parents first."""
    rows = connection.execute(
        "WITH RECURSIVE family(id) AS"
        " (SELECT ?1 UNION SELECT tasks.id FROM tasks JOIN family ON tasks.parent = family.id) SELECT id FROM family",
        (task_id,),
    )
    return [row["id"] for row in rows]


def result(connection: Connection, task_id: int, raise_fault: bool = True) -> Value:
    """Give a closed task's result; raise Koji's exception of a failed one, or give its fault as a dict.

    Canceled, unfinished and unknown tasks raise GenericError in either case (Koji: getTaskResult).
    """
    task = get(connection, task_id)
    if task is None:
        raise koji.GenericError("No such task")
    if task.state == CANCELED:
        raise koji.GenericError(f"Task {task_id} is canceled")
    if not task.finished:
        raise koji.GenericError(f"Task {task_id} is not finished")
    if task.state == FAILED and raise_fault:
        raise koji.xmlrpcplus.Fault(task.result["faultCode"], task.result["faultString"])
    return task.result


def must_exist(connection: Connection, task_id: int) -> Row:
    """Read a task's row or raise GenericError as Koji does."""
    row: Row | None = connection.execute(
        f"SELECT {INFO_COLUMNS}, request FROM tasks WHERE id = ?", (task_id,)
    ).fetchone()
    if row is None:
        raise koji.GenericError("query returned no rows")
    return row


def info(row: Row, *, request: bool = False) -> dict[str, Any]:
    """Shape a row of `tasks` as getTaskInfo answers it."""
    answer = {key: row[key] for key in INFO_KEYS}
    answer["waiting"] = None if row["waiting"] is None else bool(row["waiting"])
    for moment in ("create", "start", "completion"):
        seconds = row[f"{moment}_time"]
        answer[f"{moment}_time"], answer[f"{moment}_ts"] = events.stamp(seconds), seconds
    if request:
        answer["request"] = json.loads(row["request"])
    return answer


INFO_KEYS = (
    *("id", "state", "method", "owner", "host_id", "parent", "label", "arch", "channel_id", "priority", "weight"),
    "awaited",
)


def _end(connection: Connection, task_id: int, state: int, outcome: Value) -> bool:
    cursor = connection.execute(
        "UPDATE tasks SET state = ?, result = ?, completion_time = ? WHERE id = ? AND state IN (?, ?, ?)",
        (state, json.dumps(outcome), time.time(), task_id, *UNFINISHED),
    )
    return cursor.rowcount == 1


def _task(row: Row) -> Task:
    return Task(
        id=row["id"],
        method=row["method"],
        request=json.loads(row["request"]),
        state=row["state"],
        owner=row["owner"],
        host_id=row["host_id"],
        parent=row["parent"],
        label=row["label"],
        arch=row["arch"],
        priority=row["priority"],
        result=json.loads(row["result"]) if row["result"] else None,
    )


def _priority(connection: Connection, task_id: int) -> int:
    return int(must_exist(connection, task_id)["priority"])


def _channel(connection: Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM channels WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise koji.GenericError(f"No such channel: {name}")
    return int(row["id"])
