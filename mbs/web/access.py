"""Who asks, and whether it is they who ask: the door of every route that changes something."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from mbs.model.errors import NotAuthorized, Unauthenticated
from mbs.model.users import User
from mbs.web.auth.peers import address_of
from mbs.web.services import services_of


def asking(request: Request) -> User:
    """Give who asks for a change; raise Unauthenticated where no authenticator knows, NotAuthorized for others' pages.

    A browser sends cookies and tickets with whatever any page makes it ask for, also in a form, whose body may be JSON
    (the API reads it whatever its Content-Type says, as MBS does).
    """
    services = services_of(request)
    for authenticator in services.authenticators:
        if (user := authenticator.user_of(request)) is not None:
            if authenticator.is_ambient and not _is_of_our_own_pages(request):
                raise NotAuthorized("A page of another site may not ask for this. Ask from a page of this service.")
            return replace(user, address=address_of(request, services.trusted))
    if not services.authenticators:
        raise Unauthenticated("Nobody can log in here: the setting auth is empty.")
    raise Unauthenticated(services.authenticators[0].missing(request))


def _is_of_our_own_pages(request: Request) -> bool:
    """Tell whether a request comes from no page at all, or from one of this host."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


Asking = Annotated[User, Depends(asking)]
