"""Repositories: asking for them and finding them; and events, which say how new they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import koji

from devhub import events, lookup, repos, tags, tasks
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("repo.request", writes=True)
def request_repo(
    call: Call,
    tag: NameOrId,
    min_event: int | str | None = None,
    at_event: int | None = None,
    opts: dict[str, bool] | None = None,
    priority: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Ask for a repository of a tag: one that will do, an equal request, or a new request."""
    session = call.login()
    found, chosen = tags.must_find(call.connection, tag), _opts(opts)
    if dict(chosen).get("maven"):
        raise koji.GenericError("Maven support not enabled")
    if at_event is not None and min_event is not None:
        raise koji.ParameterError("The min_event and at_event options conflict")
    if at_event is not None:
        event = events.must_be_event(call.connection, options.integer(at_event))
        wanted = repos.Wanted(found["id"], None, event, chosen)
    else:
        wanted = repos.Wanted(found["id"], _min_event(call, found["id"], min_event), None, chosen)
    relative = 0 if priority is None else options.integer(priority)
    if relative < 0 and not call.has():
        raise koji.ActionNotAllowed("only admins may create high-priority requests")
    return repos.request(call.connection, wanted, session.user_id, koji.PRIO_DEFAULT + relative, force)


@method("repo.checkRequest")
def check_repo_request(call: Call, req_id: int) -> dict[str, Any]:
    """Say how a request stands: the repository, or the task that makes it."""
    request = repos.get_request(call.connection, options.integer(req_id))
    if request is None:
        raise koji.GenericError("No such request")
    if request["repo_id"]:
        return {"repo": repos.get(call.connection, request["repo_id"]), "request": request}
    if request["task_id"]:
        task = tasks.info(tasks.must_exist(call.connection, request["task_id"]))
        return {"repo": None, "request": request, "task": task}
    return {"repo": None, "request": request}


@method("repo.get")
def get_repo(
    call: Call,
    tag: NameOrId,
    min_event: int | None = None,
    at_event: int | None = None,
    opts: dict[str, bool] | None = None,
) -> dict[str, Any] | None:
    """Give the newest ready repository that satisfies what is asked for, or nil."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    return repos.find(call.connection, repos.Wanted(tag_id, min_event, at_event, _opts(opts)))


@method("repo.query")
def query_repos(
    call: Call, clauses: list[list[Value]], fields: Value = None, opts: dict[str, Value] | None = None
) -> Value:
    """List repositories by clauses such as `["tag_name", "=", "f40"]`, with the fields asked for."""
    rows = [repos.info(call.connection, row) for row in call.connection.execute(f"{repos.SELECT} ORDER BY repos.id")]
    default = ["id", "tag_id", "create_event", "state", "dist", "task_id", "opts", "custom_opts"]
    return options.shape(_view(rows, clauses, fields, default), opts)


@method("repo.queryQueue")
def query_queue(
    call: Call, clauses: list[list[Value]] | None = None, fields: Value = None, opts: dict[str, Value] | None = None
) -> Value:
    """List requests by clauses, all without any, with the fields asked for."""
    rows = [
        repos.request_info(row) for row in call.connection.execute(f"{repos.SELECT_REQUEST} ORDER BY repo_requests.id")
    ]
    default = ["id", "tag_id", "at_event", "min_event", "create_ts", "task_id", "tries", "repo_id", "opts", "active"]
    return options.shape(_view(rows, clauses, fields, [*default, "update_ts"]), opts)


@method("getRepo")
def old_get_repo(
    call: Call,
    tag: NameOrId,
    state: int | None = None,
    event: int | None = None,
    dist: bool = False,
    min_event: int | None = None,
) -> dict[str, Any] | None:
    """Give the newest repository of a tag in a state (READY), or the one that an event saw; nil when there is none."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    wanted = None if event else repos.READY if state is None else state
    row = call.connection.execute(
        f"{repos.SELECT} WHERE repos.tag_id = ?1 AND (?2 IS NULL OR repos.state = ?2) AND NOT ?5"
        " AND (?3 IS NULL OR create_event <= ?3) AND (?4 IS NULL OR create_event >= ?4)"
        " ORDER BY creation_time DESC, repos.id DESC LIMIT 1",
        (tag_id, wanted, event or None, min_event, dist),
    ).fetchone()
    return repos.info(call.connection, row) if row else None


@method("repoInfo")
def repo_info(call: Call, repo_id: int, strict: bool = False) -> dict[str, Any] | None:
    """Give a repository by its id, or nil."""
    return (repos.must_find if strict else repos.get)(call.connection, repo_id)


@method("newRepo", writes=True)
def new_repo(
    call: Call,
    tag: NameOrId,
    event: int | None = None,
    src: bool | None = None,
    debuginfo: bool | None = None,
    separate_src: bool | None = None,
) -> int:
    """Make a newRepo task and give its id; needs the permission repo or regen-repo."""
    session = call.require("repo", "regen-repo")
    tags.must_find(call.connection, tag, event)
    flags = {"src": src, "separate_src": separate_src, "debuginfo": debuginfo}
    given: dict[str, Value] = {key: True for key, value in flags.items() if value}
    if event is not None:
        given["event"] = event
    arguments: list[Value] = [tag, {**given, "__starstar": True}] if given else [tag]
    return repos.new_repo_task(call.connection, arguments, session.user_id)


@method("getLastEvent")
def get_last_event(call: Call, before: float | None = None, strict: bool = True) -> dict[str, Any] | None:
    """Give the last event, or the last before a time."""
    if before is not None and not isinstance(before, int | float):
        raise koji.GenericError(f"Invalid type for before: {type(before)}")
    found = events.last(call.connection, before)
    if found is None and strict:
        raise koji.GenericError("query returned no rows")
    return found


@method("getEvent")
def get_event(call: Call, id: int, strict: bool = True) -> dict[str, Any] | None:
    """Give an event."""
    found = events.get(call.connection, options.integer(id))
    if found is None and strict:
        raise koji.GenericError("query returned no rows")
    return found


@method("tagChangedSinceEvent")
def tag_changed_since_event(call: Call, event: int, taglist: list[int]) -> bool:
    """Whether one of some tags (not their ancestors) changed after an event."""
    last = (tags.last_change(call.connection, int(tag), inherit=False) for tag in taglist)
    return any(change is not None and change > event for change in last)


@method("tagLastChangeEvent")
def tag_last_change_event(call: Call, tag: NameOrId, before: int | None = None, inherit: bool = True) -> int | None:
    """Give the last event that changed a tag or an ancestor."""
    return tags.last_change(call.connection, tags.must_find(call.connection, tag)["id"], before, inherit)


def _opts(given: Value) -> tuple[tuple[str, bool], ...]:
    if given is not None and not isinstance(given, dict):
        raise koji.ParameterError("Repo opts must be a dictionary")
    said: dict[str, Value] = {key: value for key, value in (given or {}).items() if value is not None}
    for key in given or {}:
        if key not in repos.DEFAULT_OPTS:
            raise koji.ParameterError(f"Invalid repo option: {key}")
    return tuple((key, bool(value)) for key, value in sorted(said.items()))


def _min_event(call: Call, tag_id: int, given: int | str | None) -> int | None:
    if given == "last":
        return tags.last_change(call.connection, tag_id)
    if given is None:
        return repos.default_min_event(call.connection, tag_id)
    return events.must_be_event(call.connection, options.integer(given))


COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left is not None and left < right,
    ">": lambda left, right: left is not None and left > right,
    "<=": lambda left, right: left is not None and left <= right,
    ">=": lambda left, right: left is not None and left >= right,
    "IN": lambda left, right: left in right,
    "NOT IN": lambda left, right: left not in right,
    "IS": lambda left, right: left is right,
    "IS NOT": lambda left, right: left is not right,
}


def _view(
    rows: list[dict[str, Any]], clauses: list[list[Value]] | None, fields: Value, default: list[str]
) -> options.Rows:
    for clause in clauses or []:
        field, operator, value = clause if len(clause) == 3 else (clause[0], "=", clause[1])
        if operator.upper() not in COMPARISONS:
            raise koji.ParameterError(f"Invalid operator: {operator}")
        if rows and field not in rows[0]:
            raise koji.ParameterError(f"Invalid field for query: {field}")
        rows = [row for row in rows if COMPARISONS[operator.upper()](row[field], value)]
    if fields in ("*", "**"):
        return rows
    chosen = fields.split(",") if isinstance(fields, str) else fields or default
    return [{key: row[key] for key in chosen} for row in rows]
