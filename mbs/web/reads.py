"""The routes that read: module builds, components, and what is noted about them."""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import Any

from fastapi import APIRouter, Depends, Request

from mbs.koji.rpms import tags_of_modules
from mbs.model.errors import InvalidRequest
from mbs.model.naming import OURS
from mbs.registry import BuildFilter, BuildView, ComponentView, Form, Listing, Page
from mbs.registry.rows import MessageRow
from mbs.web import openapi, query, shapes
from mbs.web.answers import Json
from mbs.web.links import following_links, page_links, path_of
from mbs.web.services import Given, Services

BUILDS, COMPONENTS = "module-builds", "component-builds"

_AT_ONCE = BoundedSemaphore(3)
"""Lists that are made at a time: more threads share one interpreter, so that they make no more, and each ends later."""

router = APIRouter(default_response_class=Json)


def _no_id(collection: str) -> Any:  # noqa: ANN401 - FastAPI's own
    """Refuse `?id=`: somebody means the item."""

    async def check(request: Request) -> None:
        asked = query.first(request.query_params, "id")
        if asked is not None:
            meant = path_of(request, collection, asked)
            raise InvalidRequest(f'The "id" query option is invalid. Did you mean to go to "{meant}"?')

    return Depends(check)


@router.get("/module-builds/", dependencies=[_no_id(BUILDS)], **openapi.BUILDS)
def module_builds(request: Request, version: int, services: Given) -> Json:
    """List module builds."""
    given = request.query_params
    page, form, wanted = query.build_page(given), query.form_asked(given), query.builds_asked(given)
    page = query.following(given, page) if version == OURS else page
    rpm = query.first(given, "rpm")
    wanted = wanted if rpm is None else _of_rpm(services, wanted, rpm)
    with _AT_ONCE:
        found = services.registry().views.module_builds(wanted, page, form)
        items = [shown_build(request, view, form) for view in found.items]
        return Json({"items": items, "meta": _meta(request, found, page)})


@router.get("/module-builds/{build_id:int}", dependencies=[_no_id(BUILDS)], **openapi.BUILD)
def module_build(request: Request, build_id: int, services: Given) -> Json:
    """Give one module build."""
    form = query.form_asked(request.query_params)
    return Json(shown_build(request, services.registry().views.module_build(build_id, form), form))


@router.get("/module-builds/{build_id:int}/messages", **openapi.MESSAGES)
def build_messages(request: Request, build_id: int, services: Given) -> Json:
    """List what is noted about a module build and its components, newest first."""
    page = query.message_page(request.query_params)
    found = services.registry().views.build_messages(build_id, page)
    return _messages(request, found, page)


@router.get("/component-builds/", dependencies=[_no_id(COMPONENTS)], **openapi.COMPONENTS)
def component_builds(request: Request, version: int, services: Given) -> Json:
    """List components."""
    given = request.query_params
    page, form, wanted = query.component_page(given), query.form_asked(given), query.components_asked(given)
    page = query.following(given, page) if version == OURS else page
    with _AT_ONCE:
        found = services.registry().views.component_builds(wanted, page, form)
        items = [_component(request, view, form) for view in found.items]
        return Json({"items": items, "meta": _meta(request, found, page)})


@router.get("/component-builds/{component_id:int}", dependencies=[_no_id(COMPONENTS)], **openapi.COMPONENT)
def component_build(request: Request, component_id: int, services: Given) -> Json:
    """Give one component."""
    form = query.form_asked(request.query_params)
    return Json(_component(request, services.registry().views.component_build(component_id, form), form))


@router.get("/component-builds/{component_id:int}/messages", **openapi.MESSAGES)
def component_messages(request: Request, component_id: int, services: Given) -> Json:
    """List what is noted about one component, newest first."""
    page = query.message_page(request.query_params)
    found = services.registry().views.component_messages(component_id, page)
    return _messages(request, found, page)


def _messages(request: Request, found: Listing[MessageRow], page: Page) -> Json:
    meta = page_links(request, found.total, page, others=False)
    return Json({"messages": [*map(shapes.message, found.items)], "meta": meta})


def _meta(request: Request, found: Listing[Any], page: Page) -> dict[str, object]:
    if page.after is None:
        return page_links(request, found.total, page)
    return following_links(request, found.total, page, found.items[-1].id if found.items else None)


def shown_build(request: Request, view: BuildView, form: Form) -> dict[str, object]:
    """Give the JSON of a module build, as the version of the request has it."""
    return shapes.module_build(
        view, form, state_url=path_of(request, BUILDS, view.id), version=request.path_params["version"]
    )


def _component(request: Request, view: ComponentView, form: Form) -> dict[str, object]:
    return shapes.component_build(view, form, state_url=path_of(request, COMPONENTS, view.id))


def _of_rpm(services: Services, wanted: BuildFilter, rpm: str) -> BuildFilter:
    """Narrow a filter to the modules that an RPM is of, which Koji tells to anybody."""
    with services.anonymous_hub() as hub:
        tags = tags_of_modules(hub, rpm, services.settings.koji_tag_prefixes)
    return query.within_tags(wanted, tags)
