"""The hub over HTTP: /kojihub for calls and uploads, /kojifiles/ for files, /koji/ for pages; and the wire's faults.

Every answer to a call is 200 with the result or a fault in it, as a hub gives it; 405 for what is not a POST, 403 for
what a browser sends, 400 for a body that is no call or is larger than allowed.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl

import koji
from waitress import wasyncore
from waitress.server import create_server

from devhub import faults, fileserver, rpc, uploads, wire
from devhub.connections import CONNECTIONS, HEADERS, Channel
from devhub.database import Database
from devhub.fileserver import Response, text
from devhub.methods import Call
from devhub.methods.misc import KOJI_VERSION
from devhub.settings import Settings
from devhub.web import site

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class PortInUse(Exception):
    """Nothing can listen there; the message is one line."""


@dataclass(frozen=True)
class Application:
    """The WSGI application of one hub."""

    database: Database
    settings: Settings
    dispatcher: rpc.Dispatcher

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        response = self._respond(environ, _path(environ))
        start_response(f"{response.status.value} {response.status.phrase}", list(response.headers))
        if response.file is None:
            return response.body
        if environ["REQUEST_METHOD"] == "HEAD":
            response.file.close()
            return []
        # Waitress sends a file by itself, while the worker goes on: a slow reader holds up nobody.
        return cast("Iterable[bytes]", environ["wsgi.file_wrapper"](response.file))

    def _respond(self, environ: Environ, path: str) -> Response:
        if path.rstrip("/") == "/kojihub":
            return self._hub(environ)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "This is read-only.")
        if path == "/kojifiles" or path.startswith("/kojifiles/"):
            return fileserver.serve(
                self.settings.files, path.removeprefix("/kojifiles").lstrip("/"), environ.get("HTTP_RANGE")
            )
        if path in ("/", "/koji"):
            return Response(HTTPStatus.FOUND, (("Location", "/koji/"), ("Content-Length", "0")))
        if path.startswith("/koji/"):
            call = Call(self.database.reader(), None, self.settings, self.database)
            return site.serve(call, path.removeprefix("/koji/"), dict(parse_qsl(environ["QUERY_STRING"])))
        return text(
            HTTPStatus.NOT_FOUND,
            "This is a Koji hub: calls go to /kojihub, files are under /kojifiles/, pages are under /koji/.",
        )

    def _hub(self, environ: Environ) -> Response:
        if environ["REQUEST_METHOD"] != "POST":
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed: this is an XML-RPC server, use POST.")
        if "HTTP_ORIGIN" in environ:  # the passwords are known: no web page may log in from its reader's browser
            return text(HTTPStatus.FORBIDDEN, "This is for Koji's clients, not for web pages.")
        switched = faults.read_all(self.database.reader())
        if switched.get("bad_gateway", 0) > time.time():
            return text(HTTPStatus.BAD_GATEWAY, "Bad Gateway")
        if switched.get("delay"):
            time.sleep(float(switched["delay"]))
        if _strikes(switched.get("drop_percent", 0)):
            return _hang_up(environ)
        response = self._answer(environ)
        return _hang_up(environ) if _strikes(switched.get("drop_reply_percent", 0)) else response

    def _answer(self, environ: Environ) -> Response:
        is_upload = environ.get("CONTENT_TYPE") == "application/octet-stream"
        limit = self.settings.max_body if is_upload else min(self.settings.max_body, rpc.MAX_CALL)
        if int(environ.get("CONTENT_LENGTH") or 0) > limit:
            return text(HTTPStatus.BAD_REQUEST, "Invalid request: Request too long")
        try:
            body = self._upload(environ) if is_upload else self._call(environ)
        except rpc.BadRequest as error:
            return text(HTTPStatus.BAD_REQUEST, str(error))
        headers = (("Content-Type", "text/xml"), ("Content-Length", str(len(body))), ("Koji-Version", KOJI_VERSION))
        return Response(HTTPStatus.OK, headers, [body])

    def _call(self, environ: Environ) -> bytes:
        return self.dispatcher.answer(environ["wsgi.input"].read(), environ)

    def _upload(self, environ: Environ) -> bytes:
        try:
            session = self.dispatcher.session(environ)
            if session is None:
                raise koji.ActionNotAllowed("you must be logged-in to upload a file")
            query = dict(parse_qsl(environ["QUERY_STRING"]))
            answer = uploads.receive(self.settings, session.user_id, query, environ["wsgi.input"])
        except Exception as error:  # noqa: BLE001 - the caller gets every failure as a fault
            return rpc.encode_fault(error)
        return wire.write_answer(answer)


class Server:
    """The HTTP server of one hub; it listens from the moment it is made."""

    def __init__(self, database: Database, settings: Settings, listener: socket.socket | None = None) -> None:
        """Serve on a socket of `listen`, or one of its own; raise `PortInUse` as `listen` does."""
        self._listener = listener or listen(settings)
        application = Application(database, settings, rpc.Dispatcher(database, settings))
        self._sockets: dict[int, Any] = {}
        server = create_server(
            application,
            map=self._sockets,
            sockets=[self._listener],
            threads=settings.threads,
            connection_limit=CONNECTIONS + 100,  # never reached: the channels make room before
            channel_timeout=settings.idle_timeout,
            asyncore_use_poll=True,  # select() knows no descriptor above 1023
            max_request_header_size=HEADERS,
            max_request_body_size=settings.max_body + (1 << 20),
            ident="devhub",
        )
        self._server: Any = cast("Any", server)  # the stubs do not tell which server one socket gives
        self._server.channel_class = Channel

    @property
    def url(self) -> str:
        """Where clients find the hub, up to and including /kojihub."""
        host, port = self._listener.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/kojihub"

    def run(self) -> None:
        """Serve until `close` is called or the process is told to end."""
        self._server.run()

    def close(self) -> None:
        """End `run`, from whichever thread: its own loop closes every socket, so that none is closed under its feet."""
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._sockets, ignore_all=True))


def listen(settings: Settings) -> socket.socket:
    """Bind the port (0: any free one); raise `PortInUse` when it is taken or not ours to take."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen()
    except OSError as error:
        raise PortInUse(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    return listener


def _strikes(percent: float) -> bool:
    return percent > 0 and random.random() * 100 < percent  # noqa: S311 - chance, not a secret


def _hang_up(environ: Environ) -> Response:
    """Cut the connection under the caller's feet, as a broken network does."""
    channel = environ["waitress.client_disconnected"].__self__
    channel.socket.shutdown(socket.SHUT_RDWR)
    return Response(HTTPStatus.BAD_GATEWAY, (("Content-Length", "0"),))


def _path(environ: Environ) -> str:
    """Give the path of a request; WSGI hands over its bytes as if they were Latin-1."""
    return str(environ["PATH_INFO"]).encode("latin-1").decode(errors="surrogateescape")
