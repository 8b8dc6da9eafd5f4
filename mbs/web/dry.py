"""Version 3: what a submission would become, and what is wrong with a document, without recording anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from fastapi import APIRouter

from mbs.model.errors import InvalidRequest, Refused
from mbs.model.plan import Allocation, BuildPlan, PlannedComponent, to_json
from mbs.planning.permissions import check_submitter
from mbs.planning.planner import CheckRequest, check_in_sandbox
from mbs.steps.submit import drafted
from mbs.web import openapi
from mbs.web.access import Asking
from mbs.web.answers import Json, problem
from mbs.web.bodies import Body
from mbs.web.services import Given

router = APIRouter(default_response_class=Json)


@router.post("/plan/", **openapi.PLAN)
def plan(body: Body, user: Asking, services: Given) -> Json:
    """Give what a submission of these fields would build, in what order and against what; nothing is recorded.

    It costs what a submission costs, so it asks for the same right. Numbers of builds are counted from 1, as names in
    Koji that contain them.
    """
    check_submitter(user, services.settings)
    registry, settings = services.registry(), services.settings
    with services.planning() as hub:
        drafts = drafted(body, user, registry=registry, settings=settings, hub=hub, planner=services.planner)
    plans = [draft.named(Allocation(number, 1, draft.plan.nsvc)) for number, draft in enumerate(drafts, 1)]
    return Json({"builds": [_build(one) for one in plans]})


@router.post("/validate/", **openapi.VALIDATE)
def validate(body: Body, user: Asking, services: Given) -> Json:
    """Judge a document as a submission would before it asks anybody; give every problem with its line."""
    check_submitter(user, services.settings)
    document, others = body.get("modulemd"), {name: _text(body, name) for name in _NAMES}
    if not isinstance(document, str | bytes) or not document:
        raise InvalidRequest("Missing modulemd")
    with services.room():
        try:
            check_in_sandbox(CheckRequest(document, services.settings, **others))
        except Refused as refused:
            if refused.status not in _OF_DOCUMENT:
                raise
            return Json({"valid": False, "problems": [*map(problem, refused.problems)]})
    return Json({"valid": True, "problems": []})


_NAMES = ("module_name", "module_stream", "branch")
_OF_DOCUMENT = (400, 403, 422)
"""Statuses of what is wrong with a document; others say that it could not be judged."""


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f'The "{name}" parameter must be a string')
    return value


def _build(plan: BuildPlan) -> dict[str, object]:
    nsvc = plan.nsvc
    return {
        "name": nsvc.name,
        "stream": nsvc.stream,
        "version": str(nsvc.version),
        "context": nsvc.context,
        "scratch": plan.scratch,
        "arches": plan.arches,
        "buildrequires": {
            one.name: {"nsvc": str(one.nsvc), "koji_tag": one.koji_tag, "base": one.base} for one in plan.dependencies
        },
        "batches": [*_batches(plan.components)],
        "modulemd": plan.modulemd,
        "plan": msgspec.Raw(to_json(plan).encode()),
    }


def _batches(components: Sequence[PlannedComponent]) -> Iterator[dict[str, object]]:
    """Give the batches in their order; a component's expected seconds are its weight."""
    for batch, members in groupby(components, key=lambda one: one.batch):
        yield {
            "batch": batch,
            "components": [
                {
                    "name": one.name,
                    "source": one.source,
                    "ref": one.ref,
                    "arches": one.arches,
                    "after": one.after,
                    "seconds": one.weight,
                    "buildonly": one.buildonly,
                }
                for one in members
            ],
        }
