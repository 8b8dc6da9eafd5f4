"""What is the same for all routes, before one of them is asked.

Where a front server says that we are, HEAD, OPTIONS, lists without their slash, pages of other origins, and items that
a client has seen already.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from http import HTTPStatus

from fastapi import Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mbs.web.answers import refusal
from mbs.web.auth.peers import Networks, is_in, peer_of

LONGEST_QUERY = 16 * 1024
"""Bytes of the parameters of a request."""

IS_HEAD = "mbs.is_head"
"""Key of a request's scope: whether it is a HEAD, which the routes see as a GET."""

_LISTS = "module-builds|component-builds|about|rebuild-strategies"
_WITHOUT_SLASH = re.compile(rf"/[0-9]+/({_LISTS}|import-module|plan|validate|events)")
_ITEM = re.compile(r"/[0-9]+/(module|component)-builds/[0-9]+")
_FOR_ALL_ORIGINS = re.compile(rf"/[0-9]+/({_LISTS})/|{_ITEM.pattern}")

_PATH = re.compile(r"(/[\w.~+-]+)+", re.ASCII)
_HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_SCHEMES = ("http", "https")


class Front:
    """Stands before the routes; what is none of its business passes."""

    def __init__(self, app: ASGIApp, *, router: Router, trusted: Networks) -> None:
        """Take what is asked next, all routes, and the networks of front servers whose headers count."""
        self._app, self._router, self._trusted = app, router, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = behind_proxy(scope, self._trusted)
        if (answer := self._answer(scope)) is not None:
            await answer(scope, receive, send)
        elif scope["method"] in {"GET", "HEAD"}:
            await self._app(
                {**scope, "method": "GET", IS_HEAD: scope["method"] == "HEAD"}, receive, _Reading(scope, send)
            )
        else:
            await self._app(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """Give what is answered without any route."""
        path, query = _path(scope), scope["query_string"]
        if len(query) > LONGEST_QUERY:
            return refusal(HTTPStatus.REQUEST_URI_TOO_LONG, f"The parameters are longer than {LONGEST_QUERY} bytes.")
        if _WITHOUT_SLASH.fullmatch(path):
            location = scope["path"] + "/" + (f"?{query.decode('latin-1')}" if query else "")
            return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": location})
        if scope["method"] == "OPTIONS" and (methods := self._methods(scope)):
            return Response(headers={"Allow": ", ".join(sorted(methods))})
        return None

    def _methods(self, scope: Scope) -> set[str]:
        """Give the methods of a path; none where there is no such path."""
        found: set[str] = set()
        for route in self._router.routes:
            if route.matches(scope)[0] is not Match.NONE:
                found |= getattr(route, "methods", None) or set()
        return found | {"OPTIONS", *({"HEAD"} if "GET" in found else ())} if found else found


class _Reading:
    """Sends the answer to a GET or HEAD."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._path = _path(scope)
        self._is_head = scope["method"] == "HEAD"
        self._known = Headers(scope=scope).get("if-none-match", "")
        self._start: Message = {}

    async def __call__(self, message: Message) -> None:
        """Send what the route says; the head of the answer goes out with the first part of its body."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start:
            message = self._begun(message)
            await self._send(self._start)
            self._start = {}
        await self._send({**message, "body": b""} if self._is_head else message)

    def _begun(self, message: Message) -> Message:
        """Complete the head; gives the body, which is nothing where the client has it."""
        headers = MutableHeaders(raw=self._start["headers"])
        headers["X-Content-Type-Options"] = "nosniff"
        if self._start["status"] != HTTPStatus.OK:
            return message
        if _FOR_ALL_ORIGINS.fullmatch(self._path):
            headers["Access-Control-Allow-Origin"] = "*"
        if not _ITEM.fullmatch(self._path):
            return message
        tag = f'"{blake2b(message["body"], digest_size=16).hexdigest()}"'
        headers["ETag"], headers["Cache-Control"] = tag, "no-cache"
        if tag not in {known.strip().removeprefix("W/") for known in self._known.split(",")}:
            return message
        self._start["status"] = HTTPStatus.NOT_MODIFIED
        del headers["content-length"]
        return {**message, "body": b""}


def _path(scope: Scope) -> str:
    """Give the path of a request below where the application is mounted."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def behind_proxy(scope: Scope, trusted: Networks) -> Scope:
    """Give a request as it came to the front server, where a trusted one passes it on.

    `X-Script-Name` (or `X-Forwarded-Prefix`) is a path before ours, `X-Forwarded-Host` the host and `X-Scheme` (or
    `X-Forwarded-Proto`) the scheme of links, as with MBS. What cannot be one is left out: all of it gets into links.
    """
    peer = peer_of(Request(scope)) if trusted else None
    if peer is None or not is_in(peer, trusted):
        return scope
    given, changed = Headers(scope=scope), dict(scope)
    script = given.get("x-script-name") or given.get("x-forwarded-prefix") or ""
    if _PATH.fullmatch(script):
        changed["path"], changed["root_path"] = script + scope["path"], script + scope.get("root_path", "")
    scheme = given.get("x-scheme") or given.get("x-forwarded-proto")
    if scheme in _SCHEMES:
        changed["scheme"] = scheme
    host = given.get("x-forwarded-host", "")
    if _HOST.fullmatch(host):
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        changed["headers"] = [*others, (b"host", host.encode("ascii"))]
    return changed
