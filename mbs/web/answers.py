"""How the application answers: JSON as MBS writes it, and refusals in MBS's form."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from mbs.model.errors import Busy, HubRefused, Infrastructure, Problem, Refused

AWAY_SECONDS = 10
"""After which to ask again, when something of ours does not answer."""


class Json(Response):
    """Compact JSON, its keys sorted, with a newline at its end."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - whatever JSON has
        """Write it."""
        return msgspec.json.encode(content, order="sorted") + b"\n"


def refusal(status: int, *problems: str, headers: dict[str, str] | None = None, **more: object) -> Json:
    """Answer with an error: all problems, one a line."""
    error = HTTPStatus(status).phrase
    return Json({"error": error, "message": "\n".join(problems), "status": status, **more}, status, headers)


def problem(found: Problem) -> dict[str, object]:
    """Give the JSON of a problem: what is wrong, with which field, in which line."""
    return {"message": found.message, "where": found.where, "line": found.line}


def answer_errors(app: FastAPI) -> None:
    """Let what is raised become an answer."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Infrastructure, _away)
    app.add_exception_handler(HubRefused, _refused_by_koji)
    app.add_exception_handler(HTTPException, _http)


def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it
    assert isinstance(error, Refused)  # noqa: S101 - that is what it is registered for
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, Busy) else None
    problems = [*map(problem, error.problems)]
    return refusal(error.status, *map(str, error.problems), headers=headers, problems=problems)


def _away(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": str(AWAY_SECONDS)})


def _refused_by_koji(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it
    return refusal(HTTPStatus.BAD_GATEWAY, str(error))


def _http(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it
    assert isinstance(error, HTTPException)  # noqa: S101 - that is what it is registered for
    return refusal(error.status_code, str(error.detail), headers=dict(error.headers or {}))
