"""The route that registers a base module, or a module that was built elsewhere, from its repository (MBS §3.13)."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Depends

from mbs.model.errors import InvalidRequest
from mbs.model.nsvc import NSVC
from mbs.planning.permissions import check_importer, check_imports
from mbs.registry import Form
from mbs.steps.submit import read_import, register
from mbs.web import openapi, shapes
from mbs.web.access import Asking
from mbs.web.answers import Json
from mbs.web.bodies import Body
from mbs.web.services import Given

router = APIRouter(default_response_class=Json)


def _is_on(services: Given) -> None:
    """Refuse where nobody imports, before anybody is asked who they are."""
    check_imports(services.settings)


@router.post("/import-module/", status_code=HTTPStatus.CREATED, dependencies=[Depends(_is_on)], **openapi.IMPORT_MODULE)
def import_module(body: Body, user: Asking, services: Given) -> Json:
    """Register the module at an SCM URL; one that is registered already is replaced."""
    settings, registry = services.settings, services.registry()
    check_importer(user, settings)
    scmurl = body.get("scmurl")
    if not scmurl:
        raise InvalidRequest("Missing scmurl")
    if not isinstance(scmurl, str):
        raise InvalidRequest('The "scmurl" parameter must be a string')
    with services.room():
        found = read_import({"scmurl": scmurl}, settings)
    done = register(found, user, registry=registry, settings=settings, skip_invalid=False)
    view = registry.views.module_build(registry.builds.get(NSVC.parse(done.nsvcs[0])).id, Form.NORMAL)
    shown = shapes.module_build(view, Form.NORMAL)
    del shown["tasks"]
    said = [line for message in done.messages for line in message.splitlines()]
    return Json({"module": shown, "messages": said}, HTTPStatus.CREATED)
