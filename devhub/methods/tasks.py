"""Tasks: asking for builds, watching, canceling, and reading what they put out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from sqlite3 import Row
from typing import Any

import koji
from koji import xmlrpcplus

from devhub import tasks
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("build", writes=True)
def build(
    call: Call,
    src: str,
    target: str | None,
    opts: dict[str, Value] | None = None,
    priority: int | None = None,
    channel: str | None = None,
) -> int:
    """Ask for a build and give the id of its task; nothing is checked before the task runs."""
    session = call.login()
    if not isinstance(src, str):
        raise koji.ParameterError(f"Invalid type for value '{src}': {type(src)}, expected type <class 'str'>")
    if priority and priority < 0 and not call.has():
        raise koji.ActionNotAllowed("only admins may create high-priority tasks")
    return tasks.create(
        call.connection,
        "build",
        [src, target, opts or {}],
        owner=session.user_id,
        priority=koji.PRIO_DEFAULT + (priority or 0),
        channel=channel or "default",
    )


@method("getTaskInfo")
def get_task_info(call: Call, task_id: int | list[int], request: bool = False, strict: bool = False) -> Value:
    """Give a task, nil for an unknown one; a list for a list."""
    if isinstance(task_id, list):
        return [get_task_info(call, one, request, strict) for one in task_id]
    row = _row(call, task_id)
    if row is None and strict:
        raise koji.GenericError("query returned no rows")
    return tasks.info(row, request=request) if row else None


@method("getTaskRequest")
def get_task_request(call: Call, taskId: int) -> list[Value]:
    """Give what a task was asked for."""
    return list(json.loads(tasks.must_exist(call.connection, options.integer(taskId))["request"]))


@method("getTaskResult")
def get_task_result(call: Call, taskId: int, raise_fault: bool = True) -> Value:
    """Give a task's result, or raise its fault (`raise_fault=False`: give it as a struct)."""
    return tasks.result(call.connection, options.integer(taskId), raise_fault)


@method("getTaskChildren")
def get_task_children(call: Call, task_id: int, request: bool = False, strict: bool = False) -> list[dict[str, Any]]:
    """List the children of a task."""
    task_id = options.integer(task_id)
    if strict:
        tasks.must_exist(call.connection, task_id)
    query = f"SELECT {tasks.INFO_COLUMNS}, request FROM tasks WHERE parent = ? ORDER BY id"
    return [tasks.info(row, request=request) for row in call.connection.execute(query, (task_id,))]


@method("getTaskDescendents")
def get_task_descendents(call: Call, task_id: int, request: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Give the children of a task and of every task below it, by the id (as a string) of the parent."""
    found: dict[str, list[dict[str, Any]]] = {}
    waiting = [options.integer(task_id)]
    while waiting:
        parent = waiting.pop()
        found[str(parent)] = get_task_children(call, parent, request)
        waiting += [child["id"] for child in found[str(parent)]]
    return found


@method("taskFinished")
def task_finished(call: Call, taskId: int) -> bool:
    """Whether a task has ended."""
    return tasks.must_exist(call.connection, options.integer(taskId))["state"] not in tasks.UNFINISHED


LISTS = ("arch", "state")
IDS = ("owner", "host_id", "channel_id", "parent")
_COLUMNS = {
    "created": "create_time",
    "started": "start_time",
    "complete": "completion_time",
    "completed": "completion_time",
}
MOMENTS = {
    f"{word}{edge}": f"{column} {comparison} :{word}{edge}"
    for word, column in _COLUMNS.items()
    for edge, comparison in (("Before", "<"), ("After", ">"))
}


@method("listTasks")
def list_tasks(call: Call, opts: dict[str, Value] | None = None, queryOpts: dict[str, Value] | None = None) -> Value:
    """List tasks by lists of arch and state, by owner, host_id, channel_id, parent (or `not_` these), method, times.

    With `decode` the request and the result are values (a result is the one item of a list, as in an answer), otherwise
    XML texts. What else is asked for is passed over, as a hub does.
    """
    wanted, query_options = dict(opts or {}), dict(queryOpts or {})
    decode = wanted.get("decode", False)
    where, values = _conditions(wanted)
    if query_options.get("countOnly"):
        query = f"SELECT count(*) FROM tasks WHERE {where}"
        return call.connection.execute(query, values).fetchone()[0]
    rows = call.connection.execute(
        f"SELECT tasks.*, users.name AS owner_name, usertype AS owner_type FROM tasks"
        f" LEFT JOIN users ON users.id = owner WHERE {where}{_order(query_options)}",
        values,
    )
    return [_listed(row, decode=bool(decode)) for row in rows]


@method("cancelTask", writes=True)
def cancel_task(call: Call, task_id: int, recurse: bool = True) -> None:
    """Cancel a task, what is below it, and its build."""
    tasks.cancel(call.connection, _must_own(call, task_id), recurse)


@method("cancelTaskFull", writes=True)
def cancel_task_full(call: Call, task_id: int, strict: bool = True) -> None:
    """Cancel a whole tree of tasks, finished branches' children too; for admins."""
    call.require("admin")
    tasks.cancel_group(call.connection, task_id, strict)


@method("setTaskPriority", writes=True)
def set_task_priority(call: Call, task_id: int, priority: int, recurse: bool = True) -> None:
    """Set a task's priority (lower is more urgent); for admins."""
    call.require("admin")
    task_id = options.integer(task_id)
    if tasks.must_exist(call.connection, task_id)["state"] not in tasks.UNFINISHED:
        raise koji.GenericError("Finished task's priority can't be updated")
    tasks.set_priority(call.connection, task_id, options.integer(priority), recurse)


@method("listTaskOutput")
def list_task_output(
    call: Call, taskID: int, stat: bool = False, all_volumes: bool = False, strict: bool = False
) -> Value:
    """List the files that a task put out; `stat` adds sizes and times, `all_volumes` the volume of each."""
    if strict and _row(call, taskID) is None:
        raise koji.GenericError("Task doesn't exist")
    top = _output(call, taskID)
    files = (
        {str(path.relative_to(top)): path for path in sorted(top.rglob("*")) if path.is_file()} if top.is_dir() else {}
    )
    if stat:
        found = {name: _stat(path) for name, path in files.items()}
        return {name: {"DEFAULT": facts} for name, facts in found.items()} if all_volumes else found
    return {name: ["DEFAULT"] for name in files} if all_volumes else list(files)


@method("downloadTaskOutput")
def download_task_output(
    call: Call, taskID: int, fileName: str, offset: int | str = 0, size: int = -1, volume: str | None = None
) -> str:
    """Give a piece of a file that a task put out, in base64; a negative offset counts from the end."""
    path = _output(call, taskID) / fileName
    if fileName.startswith("/") or ".." in Path(fileName).parts:
        raise koji.GenericError(f"Invalid file name: {fileName}")
    if not path.is_file():
        raise koji.GenericError(f'no file "{fileName}" output by task {taskID}')
    with path.open("rb") as output:
        start = int(offset or 0)
        output.seek(max(start, -path.stat().st_size), 0 if start >= 0 else 2)
        return base64.b64encode(output.read(size)).decode()


def _row(call: Call, task_id: int) -> Row | None:
    query = f"SELECT {tasks.INFO_COLUMNS}, request FROM tasks WHERE id = ?"
    row: Row | None = call.connection.execute(query, (options.integer(task_id),)).fetchone()
    return row


def _must_own(call: Call, task_id: int) -> int:
    """Give the id of a task that the caller may cancel, or raise as a hub does."""
    number = options.integer(task_id)
    row = _row(call, number) if call.session else None
    if call.session and row is None:
        raise koji.GenericError(f"No such task: {number}")
    mine = call.session and row and row["owner"] == call.session.user_id
    if not mine and not call.has():
        raise koji.ActionNotAllowed("Cannot cancel task, not owner")
    return number


def _conditions(wanted: dict[str, Value]) -> tuple[str, dict[str, Value]]:
    clauses, values = ["1"], dict[str, Value]()
    for name, value in wanted.items():
        column = name.removeprefix("not_")
        if name in MOMENTS and value is not None:
            clauses.append(MOMENTS[name])
            values[name] = options.seconds(value)
        elif name == "method":
            clauses.append("method = :method")
            values[name] = value
        elif column in IDS and value is None:
            clauses.append(f"{column} IS {'' if name == column else 'NOT '}NULL")
        elif column in IDS or column in LISTS:
            clauses.append(f"{column} {'' if name == column else 'NOT '}IN (SELECT value FROM json_each(:{name}))")
            values[name] = json.dumps(_several(column, value))
    return " AND ".join(clauses), values


def _several(column: str, value: Value) -> list[Value]:
    """Give what a column may be as a list; Fault 1 where a hub's database would not know what to do with it."""
    listed = value if isinstance(value, list) else [value]
    fits = isinstance(value, list) if column in LISTS else all(isinstance(one, int) for one in listed)
    if not fits or not listed:
        raise xmlrpcplus.Fault(1, f"<class 'psycopg2.errors.SyntaxError'>: {column}: {value!r}")
    return listed


def _order(wanted: dict[str, Value]) -> str:
    keys = [key for key in str(wanted.get("order") or "id").split(",") if key]
    order = ", ".join(_ordered_by(key.removeprefix("-"), descending=key.startswith("-")) for key in keys)
    return f" ORDER BY {order} LIMIT {int(wanted.get('limit') or -1)} OFFSET {int(wanted.get('offset') or 0)}"


def _ordered_by(key: str, *, descending: bool) -> str:
    """Give a term of ORDER BY; nothing is the greatest, as in Koji's database."""
    column = f"{key.removesuffix('_ts')}_time" if key.endswith("_ts") else key
    if column in ("owner_name", "owner_type"):
        column = {"owner_name": "users.name", "owner_type": "usertype"}[column]
    elif column in tasks.INFO_COLUMNS.split(", "):
        column = f"tasks.{column}"
    else:
        raise options.invalid_order(key)
    if key == "id":  # by the table's own order, without sorting
        return f"{column} DESC" if descending else column
    return f"{column} DESC NULLS FIRST" if descending else f"{column} NULLS LAST"


def _listed(row: Row, *, decode: bool) -> dict[str, Any]:
    result = json.loads(row["result"]) if row["result"] else None
    request = json.loads(row["request"])
    if not decode:
        request = koji.xmlrpcplus.dumps(tuple(request), row["method"])
        result = _as_xml(row["state"], result) if row["result"] else None
    elif row["result"] and row["state"] == tasks.CLOSED:
        result = [result]
    return {
        **tasks.info(row),
        "owner_name": row["owner_name"],
        "owner_type": row["owner_type"],
        "request": request,
        "result": result,
    }


def _as_xml(state: int, result: Value) -> str:
    if state == tasks.FAILED:
        return str(koji.xmlrpcplus.dumps(koji.xmlrpcplus.Fault(result["faultCode"], result["faultString"])))
    return str(koji.xmlrpcplus.dumps((result,), methodresponse=True))


def _output(call: Call, task_id: int) -> Path:
    return Path(call.settings.paths.task(int(task_id)))


def _stat(path: Path) -> dict[str, Any]:
    facts = path.stat()
    return {
        "st_size": str(facts.st_size),
        "st_atime": facts.st_atime,
        "st_mtime": facts.st_mtime,
        "st_ctime": facts.st_ctime,
    }
