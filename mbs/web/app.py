"""The application: what all of its routes have in common."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from mbs.model.errors import NotFound
from mbs.web import finals, reads, small, writes
from mbs.web.answers import answer_errors
from mbs.web.auth.peers import networks
from mbs.web.front import Front
from mbs.web.services import Services

VERSIONS = (1, 2, 3)
"""Of MBS 1 and 2; 3 is ours."""


def create_app(services: Services) -> FastAPI:
    """Make the application, to be mounted at `mbs.model.naming.PREFIX`."""
    app = FastAPI(title="Module Build Service", redirect_slashes=False)
    app.state.services = services
    answer_errors(app)
    app.add_middleware(Front, router=app.router, trusted=networks(services.settings.trusted_proxies))
    for part in (small, reads, finals, writes):
        app.include_router(part.router, prefix="/{version:int}", dependencies=[Depends(_known)])
    return app


async def _known(version: int) -> None:
    """Refuse a version that there is not (before anything else, as MBS does)."""
    if version not in VERSIONS:
        raise NotFound("The requested API version is not available")
