"""The routes that change module builds: submit and cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from mbs.model.errors import InvalidRequest
from mbs.model.naming import is_user_name
from mbs.model.users import NO_AUTH, User
from mbs.planning.permissions import check_owner, check_submitter
from mbs.registry import Form
from mbs.steps.cancel import cancel
from mbs.steps.submit import submit
from mbs.web import openapi
from mbs.web.access import Asking
from mbs.web.answers import Json
from mbs.web.bodies import INVALID, Body
from mbs.web.reads import shown_build
from mbs.web.services import Given, Services

router = APIRouter(default_response_class=Json)

FAILED = ("failed", "4")
"""The state that a build can be put into, as clients write it; MBS takes no number, we do."""


@router.post("/module-builds/", status_code=HTTPStatus.CREATED, **openapi.SUBMIT)
def submit_module(request: Request, version: int, body: Body, user: Asking, services: Given) -> Json:
    """Submit a module: give its builds, in version 1 the first of them."""
    check_submitter(user, services.settings)
    registry, settings = services.registry(), services.settings
    with services.planning() as hub:
        done = submit(body, user, registry=registry, settings=settings, hub=hub, planner=services.planner)
    builds = [_shown(request, services, one.build.id) for one in done]
    return Json(builds[0] if version == 1 else builds, HTTPStatus.CREATED)


@router.patch("/module-builds/{build_id:int}", **openapi.CANCEL)
def cancel_module_build(request: Request, build_id: int, body: Body, user: Asking, services: Given) -> Json:
    """Cancel a module build."""
    asking = _in_whose_name(body, user)
    check_submitter(asking, services.settings)
    registry = services.registry()
    check_owner(asking, registry.views.module_build(build_id, Form.SHORT).owner, services.settings)
    if not body.get("state"):
        raise InvalidRequest(INVALID)
    if isinstance(body["state"], bool) or str(body["state"]) not in FAILED:
        raise InvalidRequest(f"An invalid state was submitted. Valid states values are: {', '.join(FAILED)}")
    cancel(registry, services.hub, services.runs, build_id, asking)
    return Json(_shown(request, services, build_id))


def _in_whose_name(body: Mapping[str, Any], user: User) -> User:
    """Give who cancels: where nobody logs in, whoever the request names (MBS)."""
    owner = body.get("owner")
    if owner is None:
        return user
    if user.way != NO_AUTH:
        raise InvalidRequest("The request contains 'owner' parameter, however NO_AUTH is not allowed")
    if not isinstance(owner, str) or not is_user_name(owner):
        raise InvalidRequest("The 'owner' parameter is not the name of a user")
    return replace(user, name=owner)


def _shown(request: Request, services: Services, build_id: int) -> dict[str, object]:
    return shown_build(request, services.registry().views.module_build(build_id, Form.VERBOSE), Form.VERBOSE)
