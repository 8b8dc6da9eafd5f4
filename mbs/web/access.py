"""Who asks, and whether it is they who ask: the door of every route that changes something."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from mbs.model.errors import NotAuthorized, Unauthenticated
from mbs.model.users import User
from mbs.web.services import Services


def services_of(request: Request) -> Services:
    """Give what the application works with."""
    services: Services = request.app.state.services
    return services


def asking(request: Request) -> User:
    """Give who asks for a change; raise Unauthenticated where no authenticator knows, NotAuthorized for others' pages.

    A browser sends cookies and tickets with whatever any page makes it ask for, also in a form, whose body may be JSON
    (the API reads it whatever its Content-Type says, as MBS does).
    """
    authenticators = services_of(request).authenticators
    for authenticator in authenticators:
        if (user := authenticator.user_of(request)) is not None:
            if authenticator.is_ambient and not _is_of_our_own_pages(request):
                raise NotAuthorized("A page of another site may not ask for this. Ask from a page of this service.")
            return user
    if not authenticators:
        raise Unauthenticated("Nobody can log in here: the setting auth is empty.")
    raise Unauthenticated(authenticators[0].missing(request))


def _is_of_our_own_pages(request: Request) -> bool:
    """Tell whether a request comes from no page at all, or from one of this host."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


Asking = Annotated[User, Depends(asking)]
Given = Annotated[Services, Depends(services_of)]
