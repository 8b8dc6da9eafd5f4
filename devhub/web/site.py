"""Which page belongs to an address, and its HTML.

response = site.serve(call, "taskinfo", {"taskID": "4"})
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

import jinja2
import koji

from devhub.fileserver import Response, text
from devhub.methods import Call
from devhub.web import build, lists, tag, task
from devhub.web.asked import Asked, NotThere

View = Callable[[Asked], dict[str, Any]]

PAGES: Mapping[str, View] = {
    "": lists.start,
    "index": lists.start,
    "tasks": lists.tasks,
    "builds": lists.builds,
    "packages": lists.packages,
    "tags": lists.tags,
    "buildtargets": lists.targets,
    "hosts": lists.hosts,
    "taskinfo": task.taskinfo,
    "buildinfo": build.buildinfo,
    "rpminfo": build.rpminfo,
    "packageinfo": build.packageinfo,
    "taginfo": tag.taginfo,
    "buildtargetinfo": tag.buildtargetinfo,
    "repoinfo": tag.repoinfo,
}
"""The pages by the last part of their address below /koji/; the template of each has its name."""

_SOURCE = re.compile(r"/[^ ,()]*?([^/ ,()]+):([0-9a-f]{10})[0-9a-f]{30}")
_HTML = "text/html; charset=utf-8"
_SAFE = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


def serve(call: Call, name: str, query: Mapping[str, str]) -> Response:
    """Answer a GET for a page; what does not exist is 404 with a sentence."""
    try:
        if name not in PAGES:
            raise NotThere("There is no such page.")
        context = PAGES[name](Asked(call, query))
    except NotThere as missing:
        return text(HTTPStatus.NOT_FOUND, _render("missing", {"sentence": str(missing)}), _HTML, *_SAFE)
    return text(HTTPStatus.OK, _render(name or "index", context), _HTML, *_SAFE)


def _render(name: str, context: dict[str, Any]) -> str:
    return _templates().get_template(f"{name}.html").render(context)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("devhub.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        when=_when, took=_took, size=_size, task_state=_task_state, build_state=_build_state, repo_state=_repo_state
    )
    environment.filters.update(task_label=_task_label, as_json=_as_json)
    return environment


def _as_json(value: Any) -> str:  # noqa: ANN401 - whatever a task was asked for, or answered
    """Write a value on one line, or over several where it is long."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) < 100 else json.dumps(value, ensure_ascii=False, indent=2)


def _task_label(task: dict[str, Any]) -> str:
    """Say what a task does as Koji says it, with a repository's name and the beginning of its commit."""
    return _SOURCE.sub(r"\1:\2", str(koji.taskLabel(task)))


def _when(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _took(seconds: float | None) -> str:
    """Say how long something took: `0.4 s`, `12 s`, `3 min 4 s`, `2 h 5 min`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _size(count: int) -> str:
    value, unit = float(count), "bytes"
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def _task_state(state: int) -> str:
    return str(koji.TASK_STATES[state]).lower()


def _build_state(state: int) -> str:
    return str(koji.BUILD_STATES[state]).lower()


def _repo_state(state: int) -> str:
    return str(koji.REPO_STATES[state]).lower()
