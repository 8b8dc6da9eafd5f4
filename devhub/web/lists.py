"""The start page and the lists."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import koji

from devhub import listing, lookup
from devhub.database import Connection
from devhub.methods import builds as build_calls
from devhub.methods import misc
from devhub.methods import packages as package_calls
from devhub.methods import tags as tag_calls
from devhub.methods import targets as target_calls
from devhub.methods import tasks as task_calls
from devhub.web.asked import ROWS, Asked, NotThere

TASK_STATES = tuple(str(name).lower() for name in ("FREE", "OPEN", "CLOSED", "CANCELED", "ASSIGNED", "FAILED"))
BUILD_STATES = tuple(str(name).lower() for name in ("BUILDING", "COMPLETE", "DELETED", "FAILED", "CANCELED"))
_RECENT = 12


def start(asked: Asked) -> dict[str, Any]:
    """Show what the hub does now, what it did last, and who does it."""
    call, newest = asked.call, {"order": "-id", "limit": _RECENT}
    recent = {"order": "-build_id", "limit": _RECENT}
    return {
        "running": _tasks(asked, {"state": [0, 1, 4], "parent": None}, newest),
        "tasks": _tasks(asked, {"state": [2, 3, 5], "parent": None}, newest),
        "builds": build_calls.list_builds(call, queryOpts=recent),
        "hosts": hosts(asked)["hosts"],
    }


def tasks(asked: Asked) -> dict[str, Any]:
    """List tasks, the newest first: those at the top, or (`view=flat`) all; of a state."""
    state, view = asked.choice("state", TASK_STATES), asked.choice("view", ("tree", "flat")) or "tree"
    wanted: dict[str, Any] = {"parent": None} if view == "tree" else {}
    if state:
        wanted["state"] = [koji.TASK_STATES[state.upper()]]
    rows = _tasks(asked, wanted, {"order": "-id", "limit": ROWS + 1, "offset": asked.start})
    return {**_page(asked, rows), "state": state, "states": TASK_STATES, "view": view}


def builds(asked: Asked) -> dict[str, Any]:
    """List builds, the newest first; of a state, or those in a tag."""
    state = asked.choice("state", BUILD_STATES)
    tag = _tag(asked)
    if tag:
        found = listing.tagged_builds(asked.call.connection, tag["id"], listing.Query(inherit=True))
        rows = found[asked.start : asked.start + ROWS + 1]
    else:
        options = {"order": "-build_id", "limit": ROWS + 1, "offset": asked.start}
        number = koji.BUILD_STATES[state.upper()] if state else None
        rows = build_calls.list_builds(asked.call, state=number, queryOpts=options)
    return {**_page(asked, rows), "state": state, "states": BUILD_STATES, "tag": tag}


def packages(asked: Asked) -> dict[str, Any]:
    """List packages by their names: all, or those of a tag."""
    tag, options = _tag(asked), {"order": "package_name", "limit": ROWS + 1, "offset": asked.start}
    where = {"tagID": tag["id"], "inherited": True} if tag else {}
    return {**_page(asked, package_calls.list_packages(asked.call, queryOpts=options, **where)), "tag": tag}


def tags(asked: Asked) -> dict[str, Any]:
    """List tags by their names."""
    options = {"order": "name", "limit": ROWS + 1, "offset": asked.start}
    return _page(asked, tag_calls.list_tags(asked.call, queryOpts=options))


def targets(asked: Asked) -> dict[str, Any]:
    """List build targets by their names."""
    options = {"order": "name", "limit": ROWS + 1, "offset": asked.start}
    return _page(asked, target_calls.get_build_targets(asked.call, queryOpts=options))


def hosts(asked: Asked) -> dict[str, Any]:
    """List the builders with what each of them runs."""
    rows = [{**host, "tasks": _running_on(asked.call.connection, host["id"])} for host in misc.list_hosts(asked.call)]
    return {"hosts": rows}


def _tasks(asked: Asked, wanted: dict[str, Any], options: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = task_calls.list_tasks(asked.call, {**wanted, "decode": True}, options)
    return rows


def _running_on(connection: Connection, host_id: int) -> int:
    query = "SELECT count(*) FROM tasks WHERE host_id = ? AND state = ?"
    return int(connection.execute(query, (host_id, koji.TASK_STATES["OPEN"])).fetchone()[0])


def _tag(asked: Asked) -> dict[str, Any] | None:
    if not asked.query.get("tagID"):
        return None
    ref = asked.ref("tagID", "tag")
    found = lookup.find(asked.call.connection, "tags", ref)
    if found is None:
        raise NotThere(f"There is no tag {ref}.")
    return found


def _page(asked: Asked, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the rows of one page with the addresses of its neighbours, None at either end."""
    before = _address(asked, max(asked.start - ROWS, 0)) if asked.start else None
    after = _address(asked, asked.start + ROWS) if len(rows) > ROWS else None
    return {"rows": rows[:ROWS], "before": before, "after": after, "start": asked.start}


def _address(asked: Asked, start_: int) -> str:
    return "?" + urlencode({**asked.query, "start": start_})
