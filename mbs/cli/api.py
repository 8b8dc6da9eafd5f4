"""The REST API as the commands of a packager ask it, who needs neither database nor Airflow."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from mbs.cli.server import READING, ApiError, Login, Server, ServerUnavailable, known_login
from mbs.cli.shown import Build, Change, Component, Wanted, Whole
from mbs.model import errors
from mbs.model.errors import NotFound, Problem, Refused
from mbs.model.naming import OURS, PREFIX
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, from_json
from mbs.model.states import ComponentState, ModuleState
from mbs.settings import Settings

PATIENCE = 900.0
"""Seconds until a submission is answered: reading a few hundred git repositories takes a while."""

PAGE = 1000
"""Components that are asked for at a time; a module has no more."""

_REFUSALS: Mapping[int, type[Refused]] = {
    each.status: each
    for each in (
        errors.InvalidRequest,
        errors.Unauthenticated,
        errors.NotAuthorized,
        errors.NotFound,
        errors.Conflict,
        errors.Unprocessable,
        errors.TimedOut,
    )
}


def api_of(settings: Settings) -> Api:
    """Give the API at the setting api_url (or MBS_API_URL), as whoever `known_login` finds."""
    return Api(settings.api_url, known_login(settings.api_url, os.environ) or Login())


class Api(Server):
    """The module build service behind a URL, as one user."""

    name = "The module build service"

    def submit(self, fields: Mapping[str, object]) -> list[Build]:
        """Submit a module and give its builds; raises Refused with every problem."""
        return [_build(one) for one in self._call("POST", "module-builds/", json=dict(fields), timeout=PATIENCE)]

    def plan(self, fields: Mapping[str, object]) -> tuple[BuildPlan, ...]:
        """Give what a submission would become; raises Refused with every problem."""
        answer = self._call("POST", "plan/", json=dict(fields), timeout=PATIENCE)
        return tuple(from_json(json.dumps(build["plan"])) for build in answer["builds"])

    def cancel(self, build_id: int) -> Build:
        """Cancel a module build; raises Refused."""
        return _build(self._call("PATCH", f"module-builds/{build_id}", json={"state": "failed"}))

    def number(self, key: int | NSVC) -> int:
        """Give the number of a build that exists."""
        if isinstance(key, int):
            return int(self._call("GET", f"module-builds/{key}", params={"short": "true"})["id"])
        found = self._call("GET", "module-builds/", params={"nsvc": str(key), "short": "true"})["items"]
        if not found:
            raise NotFound(f"There is no module build {key}.")
        return int(found[0]["id"])

    def whole(self, build_id: int) -> Whole:
        """Give a build with its components and its changes."""
        build = self._item(build_id)
        return Whole(_build(build), self._components(build_id), tuple(_changes(build)))

    def progress(self, ids: Collection[int]) -> list[tuple[Build, tuple[Component, ...]]]:
        """Give builds with their components."""
        return [(_build(self._item(build_id)), self._components(build_id)) for build_id in ids]

    def find(self, wanted: Wanted, limit: int) -> tuple[list[Build], int]:
        """Give the newest builds, and how many there are."""
        filters = {"name": wanted.name, "stream": wanted.stream, "owner": wanted.owner}
        asked: list[tuple[str, str]] = [(name, value) for name, value in filters.items() if value is not None]
        asked += [("state", state.label) for state in wanted.states]
        answer = self._call("GET", "module-builds/", params=[*asked, ("per_page", str(limit))])
        return [_build(one) for one in answer["items"]], int(answer["meta"]["total"])

    def document(self, build_id: int) -> str:
        """Give the stored document of a build."""
        return str(self._item(build_id)["modulemd"])

    def _item(self, build_id: int) -> dict[str, Any]:
        return dict(self._call("GET", f"module-builds/{build_id}", params={"verbose": "true"}))

    def _components(self, build_id: int) -> tuple[Component, ...]:
        params = {"module_build": str(build_id), "verbose": "true", "per_page": str(PAGE)}
        found = map(_component, self._call("GET", "component-builds/", params=params)["items"])
        return tuple(sorted(found, key=lambda one: (one.batch, one.name)))

    def _call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - whatever JSON it answers
        """Ask; whoever changes something says who that is, where it is known."""
        if method not in READING and self.login.user and not self.is_logged_in:
            self.log_in()
        answer = self.request(method, f"{PREFIX[1:]}/{OURS}/{path}", **options)
        if answer.ok:
            return self.json(answer)
        raise _refusal(answer.status_code, self.json(answer), self)


def _refusal(status: int, said: Any, server: Server) -> Exception:  # noqa: ANN401 - whatever JSON it answers
    """Make the error that the server has answered with."""
    message = str(said.get("message") or said.get("detail") or said) if isinstance(said, dict) else str(said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _REFUSALS:
        return ServerUnavailable(f"{server.name} at {server.url} cannot do that now: {message}")
    refused = _REFUSALS.get(status)
    if refused is None:
        return ApiError(message, status)
    problems = said.get("problems") if isinstance(said, dict) else None
    told: list[Problem | str] = list(_problems(problems)) if problems else list(message.splitlines())
    if status == HTTPStatus.UNAUTHORIZED and not server.is_logged_in:
        told.append(f"Log in: set MBS_API_TOKEN, or put user and password for {server.url} into ~/.netrc.")
    return refused(*told)


def _problems(said: list[Mapping[str, Any]]) -> Iterator[Problem]:
    for one in said:
        yield Problem(str(one["message"]), one.get("where"), one.get("line"))


def _build(said: Mapping[str, Any]) -> Build:
    return Build(
        id=said["id"],
        nsvc=NSVC(said["name"], said["stream"], int(said["version"]), said["context"]),
        state=ModuleState(said["state"]),
        reason=said["state_reason"],
        owner=said["owner"],
        submitted=datetime.fromisoformat(said["time_submitted"]),
        scratch=said["scratch"],
        source=said["scmurl"],
        koji_tag=said["koji_tag"],
        arches=tuple(said.get("arches", ())),
    )


def _component(said: Mapping[str, Any]) -> Component:
    """Read a component; the API counts the macros as batch 1, as MBS does."""
    state = None if said["state"] is None else ComponentState(said["state"])
    return Component(said["package"], said["batch"] - 1, state, said["state_reason"], said["nvr"], said["task_id"])


def _changes(said: Mapping[str, Any]) -> Iterator[Change]:
    for one in said["state_trace"]:
        time = datetime.fromisoformat(one["time"])
        yield Change(time, ModuleState(one["state"]), one.get("by"), one["reason"])
