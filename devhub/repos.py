"""Repositories and the requests for them.

    repo_id = begin(connection, tag_id, task_id)            # INIT, as of this transaction's event
    rpms, _ = listing.tagged_rpms(connection, tag_id, listing.Query(event=repo_event, inherit=True, latest=1))
    finish(connection, repo_id)                             # READY, and whoever asked for it is served
    for request in waiting(connection): ...                 # what a newRepo task must be made for: `assign`

A repository is as new as its `create_event`; it satisfies whoever asks for that event or an earlier one. `end_event`,
the first change of the tag after it, is worked out when asked for. Every function that writes needs a transaction.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

import koji

from devhub import events, lookup, tags, tasks
from devhub.database import Connection

INIT, READY = koji.REPO_STATES["INIT"], koji.REPO_STATES["READY"]
EXPIRED, DELETED, PROBLEM = koji.REPO_STATES["EXPIRED"], koji.REPO_STATES["DELETED"], koji.REPO_STATES["PROBLEM"]
DEFAULT_OPTS = {"debuginfo": False, "maven": False, "separate_src": False, "src": False}
LAG, LAG_WINDOW = 3600.0, 600.0
"""Seconds: how stale a repository may be where no event is asked for (RepoLag), and to what this is rounded."""
MAX_TRIES = 3
"""Tasks of a request that may fail before it is given up at the next (Koji's RepoRetries: four tries in all)."""

SELECT = (
    "SELECT repos.*, tags.name AS tag_name, tasks.state AS task_state, created.time AS create_ts,"
    " begun.time AS begin_ts FROM repos JOIN tags ON tags.id = repos.tag_id"
    " JOIN events AS created ON created.id = repos.create_event"
    " LEFT JOIN events AS begun ON begun.id = repos.begin_event LEFT JOIN tasks ON tasks.id = repos.task_id"
)
SELECT_REQUEST = (
    "SELECT repo_requests.*, tags.name AS tag_name, users.name AS owner_name, tasks.state AS task_state"
    " FROM repo_requests JOIN tags ON tags.id = repo_requests.tag_id LEFT JOIN users ON users.id = repo_requests.owner"
    " LEFT JOIN tasks ON tasks.id = repo_requests.task_id"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for: the tag's repository at an event, or not older than one."""

    tag_id: int
    min_event: int | None = None
    at_event: int | None = None
    opts: tuple[tuple[str, bool], ...] = ()


def begin(connection: Connection, tag_id: int, task_id: int | None, event: int | None = None, **opts: bool) -> int:
    """Enter a repository in state INIT and give its id; `event` makes it one of the past (Koji: repo_init)."""
    now = time.time()
    custom = {key: value for key, value in opts.items() if value != DEFAULT_OPTS[key]}
    begin_event = tags.last_change(connection, tag_id, before=None if event is None else event + 1)
    create_event = events.current(connection) if event is None else event
    cursor = connection.execute(
        "INSERT INTO repos (tag_id, state, begin_event, create_event, opts, custom_opts, task_id,"
        " creation_time, state_time)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (tag_id, INIT, begin_event, create_event, _json({**DEFAULT_OPTS, **opts}), _json(custom), task_id, now, now),
    )
    return int(cursor.lastrowid or 0)


def finish(connection: Connection, repo_id: int) -> None:
    """Make a repository READY and serve the requests that it satisfies."""
    set_state(connection, repo_id, READY)
    repo = connection.execute("SELECT * FROM repos WHERE id = ?", (repo_id,)).fetchone()
    for request in connection.execute(
        "SELECT * FROM repo_requests WHERE tag_id = ? AND active", (repo["tag_id"],)
    ).fetchall():
        if _serves(repo, request):
            update_request(connection, request["id"], repo_id=repo_id, active=False)


def set_state(connection: Connection, repo_id: int, state: int) -> None:
    """Move a repository to another state."""
    connection.execute("UPDATE repos SET state = ?, state_time = ? WHERE id = ?", (state, time.time(), repo_id))


def find(connection: Connection, wanted: Wanted) -> dict[str, Any] | None:
    """Give the newest READY repository that satisfies what is wanted, or None (Koji: repo.get)."""
    rows = connection.execute(
        f"{SELECT} WHERE repos.tag_id = ?1 AND repos.state = ?2 AND (?3 IS NULL OR create_event >= ?3)"
        " AND (?4 IS NULL OR create_event = ?4) ORDER BY create_event DESC, repos.id DESC",
        (wanted.tag_id, READY, wanted.min_event, wanted.at_event),
    )
    row = next((row for row in rows if _has_opts(row, dict(wanted.opts))), None)
    return info(connection, row) if row else None


def get(connection: Connection, repo_id: int) -> dict[str, Any] | None:
    """Give repoInfo's struct of a repository, or None."""
    row = connection.execute(f"{SELECT} WHERE repos.id = ?", (repo_id,)).fetchone()
    return info(connection, row) if row else None


def must_find(connection: Connection, repo_id: int) -> dict[str, Any]:
    """Give repoInfo's struct of a repository or raise GenericError "No such repo"."""
    found = get(connection, repo_id)
    if found is None:
        raise koji.GenericError(f"No such repo: {repo_id}")
    return found


def info(connection: Connection, row: Row) -> dict[str, Any]:
    """Shape a row of `SELECT` as getRepo answers it."""
    end_event = tags.first_change(connection, row["tag_id"], after=row["create_event"])
    ended = events.get(connection, end_event) if end_event else None
    keys = ("id", "tag_id", "tag_name", "state", "task_id", "task_state", "create_event", "create_ts", "begin_event")
    return {
        **{key: row[key] for key in keys},
        "begin_ts": row["begin_ts"],
        "end_event": end_event,
        "end_ts": ended["ts"] if ended else None,
        "opts": json.loads(row["opts"]),
        "custom_opts": json.loads(row["custom_opts"]),
        "dist": False,
        "creation_time": events.stamp(row["creation_time"]),
        "creation_ts": row["creation_time"],
        "state_time": events.stamp(row["state_time"]),
        "state_ts": row["state_time"],
    }


def request(
    connection: Connection, wanted: Wanted, owner: int, priority: int = 20, force: bool = False
) -> dict[str, Any]:
    """Answer repo.request: a repository that will do, an equal request that is active, or a new request."""
    repo = None if force else find(connection, wanted)
    if repo:
        return {"repo": repo, "request": None, "duplicate": False}
    same = connection.execute(
        "SELECT * FROM repo_requests WHERE tag_id = ?1 AND active AND opts = ?2 AND (?3 IS NULL OR at_event = ?3)"
        " AND (?3 IS NOT NULL OR min_event >= ?4) ORDER BY priority, id LIMIT 1",
        (wanted.tag_id, _json(dict(wanted.opts)), wanted.at_event, wanted.min_event),
    ).fetchone()
    if same is None:
        request_id = _insert_request(connection, wanted, owner, priority)
    else:
        request_id = same["id"]
        connection.execute("UPDATE repo_requests SET priority = min(priority, ?) WHERE id = ?", (priority, request_id))
    return {"repo": None, "request": get_request(connection, request_id), "duplicate": same is not None}


def default_min_event(connection: Connection, tag_id: int) -> int:
    """Give the oldest event that a request without one accepts: the last one before the lag, or the tag's last change.

    On a hub younger than the lag it is the tag's first event (Koji: default_min_event).
    """
    lag = tags.extra_of(connection, tag_id).get("repo.lag")
    lag = lag if isinstance(lag, int) else LAG
    base = events.last(connection, before=(time.time() - lag) // LAG_WINDOW * LAG_WINDOW)
    oldest = base["id"] if base else tags.first_change(connection, tag_id)
    return min(oldest or 0, tags.last_change(connection, tag_id) or 0)


def get_request(connection: Connection, request_id: int) -> dict[str, Any] | None:
    """Give the struct of a request, or None."""
    row = connection.execute(f"{SELECT_REQUEST} WHERE repo_requests.id = ?", (request_id,)).fetchone()
    return request_info(row) if row else None


def request_info(row: Row) -> dict[str, Any]:
    """Shape a row of `SELECT_REQUEST` as repo.request and repo.checkRequest answer it."""
    keys = (
        "id",
        "owner",
        "owner_name",
        "priority",
        "tag_id",
        "tag_name",
        "at_event",
        "min_event",
        "task_id",
        "task_state",
    )
    return {
        **{key: row[key] for key in keys},
        "tries": row["tries"],
        "repo_id": row["repo_id"],
        "opts": json.loads(row["opts"]),
        "active": bool(row["active"]),
        "create_time": events.stamp(row["create_time"]),
        "create_ts": row["create_time"],
        "update_time": events.stamp(row["update_time"]),
        "update_ts": row["update_time"],
    }


def waiting(connection: Connection) -> list[dict[str, Any]]:
    """Give the active requests, the most urgent first."""
    query = f"{SELECT_REQUEST} WHERE repo_requests.active ORDER BY repo_requests.priority, repo_requests.id"
    return [request_info(row) for row in connection.execute(query)]


def assign(connection: Connection, request: dict[str, Any]) -> int | None:
    """Make the newRepo task of a request that has none running; give up a request whose tries are used up.

    Gives the id of the new task, None when there is nothing to make.
    """
    if request["task_id"] and request["task_state"] in tasks.UNFINISHED:
        return None
    if request["task_id"] and request["tries"] > MAX_TRIES:
        update_request(connection, request["id"], active=False)
        return None
    arguments: dict[str, Any] = {"opts": request["opts"], "__starstar": True}
    if request["at_event"] is not None:
        arguments["event"] = request["at_event"]
    tag = {"id": request["tag_id"], "name": request["tag_name"]}
    owner = lookup.find(connection, "users", "kojira")
    task_id = new_repo_task(connection, [tag, arguments], owner["id"] if owner else None)
    update_request(connection, request["id"], task_id=task_id, tries=request["tries"] + 1)
    return task_id


def new_repo_task(connection: Connection, arguments: list[Any], owner: int | None) -> int:
    """Make a newRepo task and give its id."""
    return tasks.create(connection, "newRepo", arguments, owner=owner, priority=15, channel="createrepo")


def update_request(connection: Connection, request_id: int, **changes: int | bool | None) -> None:
    """Change columns of a request; their names come from this program."""
    places = ", ".join(f"{column} = :{column}" for column in (*changes, "update_time"))
    values = {**changes, "update_time": time.time(), "id": request_id}
    connection.execute(f"UPDATE repo_requests SET {places} WHERE id = :id", values)


def expirable(connection: Connection, older_than: float) -> list[int]:
    """Give the READY repositories that a newer one of their tag has replaced, in that state since before a time."""
    rows = connection.execute(
        "SELECT id FROM repos WHERE state = ?1 AND state_time < ?2 AND EXISTS (SELECT 1 FROM repos AS newer"
        " WHERE newer.tag_id = repos.tag_id AND newer.state = ?1 AND newer.create_event > repos.create_event)",
        (READY, older_than),
    )
    return [row["id"] for row in rows]


def _insert_request(connection: Connection, wanted: Wanted, owner: int, priority: int) -> int:
    now = time.time()
    cursor = connection.execute(
        "INSERT INTO repo_requests (tag_id, owner, priority, at_event, min_event, opts, create_time, update_time)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (wanted.tag_id, owner, priority, wanted.at_event, wanted.min_event, _json(dict(wanted.opts)), now, now),
    )
    return int(cursor.lastrowid or 0)


def _serves(repo: Row, request: Row) -> bool:
    if request["at_event"] is not None:
        in_time = repo["create_event"] == request["at_event"]
    else:
        in_time = repo["create_event"] >= request["min_event"]
    return bool(in_time) and _has_opts(repo, json.loads(request["opts"]))


def _has_opts(repo: Row, opts: dict[str, bool]) -> bool:
    """Whether a repository has all the options asked for and none of its own that were not."""
    has, custom = json.loads(repo["opts"]), json.loads(repo["custom_opts"])
    return all(has.get(key) == value for key, value in opts.items()) and custom.items() <= opts.items()


def _json(value: dict[str, bool]) -> str:
    return json.dumps(value, sort_keys=True)
