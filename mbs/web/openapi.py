"""What the OpenAPI document says of the routes beyond their docstrings: parameters, bodies, answers, with examples.

Routes read their parameters and bodies themselves, as MBS does, so that FastAPI cannot know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from mbs.model.naming import OURS
from mbs.planning.fields import SUBMISSION, Field, Kind

VERSIONS = (1, 2, OURS)
"""Of MBS 1 and 2; in ours there is more."""

Described = dict[str, Any]
"""What a route's decorator takes."""

_BUILD = {"name": "greeter", "stream": "1", "version": "4020261127102030", "context": "8a1111b2", "id": 7}
_SHORT = {**_BUILD, "state": 5, "state_name": "ready", "scratch": False}
_COMPONENT = {"id": 31, "package": "greet", "format": "rpms", "task_id": 142, "state": 1, "state_name": "COMPLETE"}
_META = {"page": 1, "pages": 1, "per_page": 10, "total": 1, "first": "http://...", "last": "http://..."}
_META |= {"prev": None, "next": None}

_FORMS = {
    "verbose": "`true` or `1`: all that is known of each",
    "short": "`true` or `1`: the identity and the state of each; `verbose` wins",
}
_PAGES = {
    "page": "The page, from 1",
    "per_page": "Items of a page, 10 where nothing is asked for, at most 1000",
    "after": "Version 3: go on after the item with this id (empty: begin), in the order of ids; nothing is counted",
    "order_by": "A column to order by, ascending; repeatable",
    "order_desc_by": "A column to order by, descending; repeatable, and not with `order_by`",
}
_OF_BASE_MODULE = "Of those that buildrequire a base module with this"
BUILD_FILTERS = {
    **dict.fromkeys(("name", "stream", "version", "context"), "Exactly this"),
    "nsvc": "`name[:stream[:version[:context]]]`",
    "state": "A name (`ready`) or a number; repeatable: any of them",
    **dict.fromkeys(("owner", "scmurl", "koji_tag", "cg_build_koji_tag", "rebuild_strategy"), "Exactly this"),
    **dict.fromkeys(("build_context", "build_context_no_bms", "runtime_context"), "Exactly this"),
    **dict.fromkeys(("state_reason", "modulemd", "srpms", "batch", "new_repo_task_id"), "Exactly this"),
    "reused_module_id": "Components are taken from this build",
    "scratch": "`true` or `false`",
    "rpm": "File name of an RPM of the module: Koji is asked",
    "virtual_stream": "A virtual stream of a base module; repeatable: any of them",
    "stream_version": "The number of a base module's stream",
    "stream_version_lte": "At most this, and of the same major release",
    **{
        f"{what}_{bound}": f"Time, inclusive: `2026-11-27T10:20:30Z` ({what} {bound})"
        for what in ("submitted", "modified", "completed")
        for bound in ("before", "after")
    },
    "base_module_br": "Of those that buildrequire this base module: `name:stream:version:context`",
    **{
        f"base_module_br_{what}": f"{_OF_BASE_MODULE} {what.replace('_', ' ')}"
        for what in (
            *("name", "stream", "version", "context"),
            *("stream_version", "stream_version_lte", "stream_version_gte"),
        )
    },
}
COMPONENT_FILTERS = {
    **dict.fromkeys(("package", "scmurl", "ref", "nvr", "state_reason", "format"), "Exactly this"),
    "state": "A name of Koji's (`COMPLETE`) or a number; repeatable: any of them",
    **dict.fromkeys(("module_build", "module_id"), "Of this module build"),
    **dict.fromkeys(("task_id", "batch", "weight", "reused_component_id"), "Exactly this number"),
    **dict.fromkeys(("tagged", "tagged_in_final", "build_time_only", "buildonly"), "`true` or `false`"),
}

_REFUSED = {
    400: "What is asked for cannot be, or is switched off",
    401: "Nobody knows who asks",
    403: "Who asks may not, or what is asked for is not allowed here",
    404: "There is no such thing, or no such version of the API",
    408: "The request did not come in time",
    409: "The module builds exist already",
    413: "The request is too large",
    414: "The parameters are too long",
    422: "The document, or what it names, cannot be processed",
    502: "Koji refuses what has to be asked of it",
    503: "Something that is needed does not answer, or enough is being done; `Retry-After` says when to ask again",
    504: "It took longer than a submission may; nothing was recorded",
}
_PROBLEM = {
    "error": "Bad Request",
    "message": "Missing branch",
    "status": 400,
    "problems": [{"message": "Missing branch", "where": "branch", "line": None}],
}
READING = (400, 404, 414, 502, 503)
WRITING = (400, 401, 403, 404, 408, 413, 502, 503)


def answers(
    example: object, *refused: int, status: int = 200, parameters: Mapping[str, str] | None = None, text: str = ""
) -> Described:
    """Describe a route that answers with JSON like the example, and refuses with these statuses."""
    found = {
        status: {"description": text or HTTPStatus(status).phrase, "content": _json(example)},
        **{one: {"description": _REFUSED[one], "content": _json(_PROBLEM)} for one in refused},
    }
    return {"responses": found, "openapi_extra": {"parameters": _parameters(parameters or {})}}


def takes(described: Described, example: object, fields: Iterable[Field] = ()) -> Described:
    """Add the body of a request to what is said of a route."""
    properties = {one.name: {"description": one.text, **_SCHEMAS.get(one.kind, {"type": "string"})} for one in fields}
    schema = {"type": "object", **({"properties": properties} if properties else {})}
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}
    return {**described, "openapi_extra": {**described["openapi_extra"], "requestBody": body}}


_VERSION = {"type": "integer", "enum": [*VERSIONS]}
_ID = {"type": "integer", "minimum": 1}


class Application(FastAPI):
    """An application whose document tells only what its routes answer."""

    def openapi(self) -> dict[str, Any]:
        """Give the document without what FastAPI believes of routes with a path: nothing here is validated by it."""
        document = super().openapi()
        for route in (route for methods in document["paths"].values() for route in methods.values()):
            if route["responses"].get("422", {}).get("description") == "Validation Error":
                del route["responses"]["422"]
            for one in route.get("parameters", ()):
                if one["in"] == "path":
                    one["schema"] = _VERSION if one["name"] == "version" else _ID
        document.get("components", {}).pop("schemas", None)
        return document


def _parameters(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in texts.items()
    ]


def _json(example: object) -> dict[str, Any]:
    return {"application/json": {"schema": {}, "example": example}}


_SCHEMAS: Mapping[Kind, dict[str, Any]] = {
    Kind.FLAG: {"type": "boolean"},
    Kind.LIST: {"type": "array", "items": {"type": "string"}},
    Kind.STREAMS: {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    Kind.REFS: {"type": "object", "additionalProperties": {"type": "string"}},
    Kind.BUILD: {"anyOf": [{"type": "integer"}, {"type": "string"}]},
}

BUILDS = answers({"items": [_SHORT], "meta": _META}, *READING, parameters=_FORMS | _PAGES | BUILD_FILTERS)
BUILD = answers(_SHORT, *READING, parameters=_FORMS)
COMPONENTS = answers(
    {"items": [_COMPONENT], "meta": _META},
    *READING,
    parameters={"verbose": _FORMS["verbose"], **_PAGES} | COMPONENT_FILTERS,
)
COMPONENT = answers(_COMPONENT, *READING, parameters={"verbose": _FORMS["verbose"]})
MESSAGES = answers(
    {"messages": [{"id": 3, "message": "Why", "time_created": "2026-11-27T10:20:30Z"}], "meta": _META},
    *READING,
    parameters={name: _PAGES[name] for name in ("page", "per_page")},
)
SUBMIT = takes(
    answers(_SHORT, *WRITING, 409, 422, 504, status=201, text="The module builds, verbose; in version 1 the first"),
    {"scmurl": "https://src.example.org/modules/greeter?#1a2b3c", "branch": "1"},
    SUBMISSION,
)
CANCEL = takes(answers({**_SHORT, "state": 4, "state_name": "failed"}, *WRITING), {"state": "failed"})
ABOUT = answers({"api_version": 2, "auth_method": "oidc", "version": "3.9.2"}, 404)
FINAL = answers({"x86_64": "---\ndocument: modulemd\n..."}, *READING, 422)
STRATEGIES = answers({"items": [{"name": "all", "description": "...", "allowed": True, "default": False}]}, 404)
IMPORT_MODULE = takes(
    answers(
        {"module": {**_SHORT, "owner": "mbs_import"}, "messages": ["Module ... imported"]},
        *WRITING,
        409,
        422,
        504,
        status=201,
    ),
    {"scmurl": "https://src.example.org/modules/platform?#1a2b3c"},
)
_PLANNED = {"name": "greet", "source": "https://...?#1a2b3c", "ref": "1a2b3c", "arches": ["x86_64"], "after": []}
PLAN = takes(
    answers(
        {
            "builds": [
                {
                    **{name: _BUILD[name] for name in ("name", "stream", "version", "context")},
                    "batches": [{"batch": 1, "components": [{**_PLANNED, "seconds": 60, "buildonly": False}]}],
                }
            ]
        },
        *WRITING,
        422,
        504,
    ),
    {"scmurl": "https://src.example.org/modules/greeter?#1a2b3c", "branch": "1"},
    SUBMISSION,
)
VALIDATE = takes(
    answers({"valid": False, "problems": [_PROBLEM["problems"]]}, *WRITING, 504),
    {"modulemd": "document: modulemd\n...", "module_name": "greeter"},
)
_FAILURE = {
    "package": "greet",
    "batch": 3,
    "state": 3,
    "state_name": "FAILED",
    "task_id": 142,
    "task_url": "https://...",
}
LOG = answers(
    {
        "id": 7,
        "state": 4,
        "state_name": "failed",
        "state_reason": "...",
        "components": [{**_FAILURE, "reason": "greet (x86_64): rpmbuild failed", "log": ["error: ..."]}],
    },
    *READING,
)
_HEADER_OF_EVENTS = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The id of the last event that was heard",
        "schema": {"type": "string"},
    }
]
EVENTS: Described = {
    "responses": {
        200: {
            "description": "Events, until the stream ends after a minute",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": 'id: 4711-1-7\nevent: module-build\ndata: {"module_build": 7, "state": 5}\n\n',
                }
            },
        },
        **{one: {"description": _REFUSED[one], "content": _json(_PROBLEM)} for one in (400, 414, 503)},
    },
    "openapi_extra": {
        "parameters": _HEADER_OF_EVENTS
        + _parameters(
            {
                "id": "Of this module build and its components",
                "name": "Of modules of this name",
                "owner": "Of module builds of this user",
                "state": "Module builds that come into this state, and no components; repeatable: any of them",
            }
        )
    },
}
