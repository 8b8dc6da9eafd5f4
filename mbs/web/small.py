"""The small routes: what the service says of itself."""

from __future__ import annotations

from fastapi import APIRouter

from mbs.web import openapi
from mbs.web.answers import Json
from mbs.web.services import Given

router = APIRouter(default_response_class=Json)

MBS_VERSION = "3.9.2"
"""The MBS whose API this is: clients compare it."""


@router.get("/about/", **openapi.ABOUT)
def about(services: Given) -> Json:
    """Tell the version of the API, and how to log in; exactly these keys (gluetool takes no fourth)."""
    methods = [one.method for one in services.authenticators]
    return Json({"api_version": 2, "auth_method": methods[0] if methods else "oidc", "version": MBS_VERSION})
