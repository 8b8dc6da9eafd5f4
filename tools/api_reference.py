"""The page of the REST API, made of what the application itself says: its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mbs.model.naming import PREFIX
from mbs.settings import Settings
from mbs.steps.cancel import Runs
from mbs.web.app import create_app
from mbs.web.services import Services

_HEAD = f"""# REST API

Under `{PREFIX}` of the server: versions 1 and 2 as MBS has them, and 3, which is ours. Try it at
`{PREFIX}/docs`; the OpenAPI document is `{PREFIX}/openapi.json`. Who asks for a change says who
that is ([authenticate](../how-to/authenticate.md)); everybody may read. What MBS gets wrong is right here
([decision](../decisions/0080-rest-api.md)).

A refusal has all problems: `message` has one a line, `problems` each with the field and the line that it is about.
Times are UTC. An item has an `ETag`, and is not sent again to who names it in `If-None-Match`. This page is generated
by `python -m tools.reference`.
"""


def page() -> str:
    """Describe every route."""
    return "\n".join([_HEAD, *_routes(document()["paths"])])


def document() -> dict[str, Any]:
    """Give the OpenAPI document of an application that nothing stands behind."""

    def nothing() -> Any:  # noqa: ANN401 - it is never called
        raise NotImplementedError

    runs: Runs = nothing  # type: ignore[assignment] # likewise
    services = Services(settings=Settings(), registry=nothing, hub=nothing, runs=runs, authenticators=())
    return create_app(services).openapi()


def _routes(paths: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, route in methods.items():
            yield f"## {method.upper()} {path.removeprefix('/{version}')}\n\n{route['description']}\n"
            yield from _parameters(route.get("parameters", ()))
            yield from _body(route.get("requestBody"))
            yield from _answers(route["responses"])


def _parameters(parameters: list[Mapping[str, Any]]) -> Iterator[str]:
    rows = [f"| `{one['name']}` | {one['description']} |" for one in parameters if one["in"] == "query"]
    if rows:
        yield "\n".join(["| Parameter | |", "|---|---|", *rows, ""])


def _body(body: Mapping[str, Any] | None) -> Iterator[str]:
    if body is None:
        return
    content = body["content"]["application/json"]
    yield f"Body: `{json.dumps(content['example'])}`\n"
    rows = [f"| `{name}` | {one['description']} |" for name, one in content["schema"].get("properties", {}).items()]
    if rows:
        yield "\n".join(["| Field | |", "|---|---|", *rows, ""])


def _answers(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for status, answer in sorted(answers.items()):
        if int(status) < 400:
            yield f"{status} {answer['description']}: `{json.dumps(_example(answer))}`\n"
    refused = "; ".join(
        f"{status} {one['description']}" for status, one in sorted(answers.items()) if int(status) >= 400
    )
    if refused:
        yield f"Refused with {refused}.\n"


def _example(answer: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON it is
    return next(iter(answer.get("content", {"": {}}).values())).get("example")
