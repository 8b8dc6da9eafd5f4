"""The application: what all of its routes have in common."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi_swagger import patch_fastapi

from mbs.model.errors import NotFound
from mbs.model.naming import OURS
from mbs.web import dry, events, failures, finals, imports, reads, small, writes
from mbs.web.answers import answer_errors
from mbs.web.feed import Feed
from mbs.web.front import Front
from mbs.web.openapi import VERSIONS, Application
from mbs.web.services import Services

_ABOUT = "Builds RPM modules in Koji. Versions 1 and 2 are the API of MBS 3.9.2; version 3 is ours."


def create_app(services: Services) -> FastAPI:
    """Make the application, to be mounted at `mbs.model.naming.PREFIX`."""
    app = Application(
        title="Module Build Service",
        version=str(OURS),
        description=_ABOUT,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    patch_fastapi(app, redirect_from_root_to_docs=False)  # the page of /docs, with nothing from other sites
    app.state.services = services
    app.state.feed = Feed(services.registry)
    answer_errors(app)
    app.add_middleware(Front, router=app.router, trusted=services.trusted)
    for part in (small, reads, finals, writes, imports):
        app.include_router(part.router, prefix="/{version:int}", dependencies=[Depends(_known)])
    for part in (dry, failures, events):
        app.include_router(part.router, prefix=f"/{OURS}")
    return app


async def _known(version: int) -> None:
    """Refuse a version that there is not (before anything else, as MBS does)."""
    if version not in VERSIONS:
        raise NotFound("The requested API version is not available")
