"""The hub over HTTP: /kojihub for calls and uploads, /kojifiles/ for files; and the faults of the wire.

Every answer to a call is 200 with the result or a fault in it, as a hub gives it; 405 for what is not a POST, 403 for
what a browser sends, 400 for a body that is no call or is larger than allowed.
"""

from __future__ import annotations

import logging
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
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.utilities import BadRequest

from devhub import faults, fileserver, rpc, uploads, wire
from devhub.database import Database
from devhub.fileserver import Response
from devhub.methods.misc import KOJI_VERSION
from devhub.settings import Settings

log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Parser(HTTPRequestParser):
    """Waitress' parser of requests, which answers at once what cannot become one.

    A client that takes the hub for https (the stock one, looking for Kerberos) sends a TLS greeting and would wait
    for an answer until its timeout, as the parser would for the end of the headers.
    """

    def received(self, data: bytes) -> int:
        """Take bytes; a request begins with the letters of its method."""
        if self.body_rcv is None and not self.header_plus and data[:1] not in _BEGINNINGS:
            self.completed, self.error = True, BadRequest("This is HTTP, and no TLS")
            return len(data)
        return int(super().received(data))


_BEGINNINGS = {bytes([byte]) for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"}


class Channel(HTTPChannel):
    """Waitress' connection, with our parser."""

    parser_class = Parser


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
        path: str = environ["PATH_INFO"]
        if path.rstrip("/") == "/kojihub":
            response = self._hub(environ)
        elif path.startswith("/kojifiles"):
            response = self._files(environ, path.removeprefix("/kojifiles").lstrip("/"))
        else:
            response = _plain(
                HTTPStatus.NOT_FOUND, "This is a Koji hub: calls go to /kojihub, files are under /kojifiles/."
            )
        start_response(f"{response.status.value} {response.status.phrase}", list(response.headers))
        return response.body

    def _hub(self, environ: Environ) -> Response:
        if environ["REQUEST_METHOD"] != "POST":
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed: this is an XML-RPC server, use POST.")
        if "HTTP_ORIGIN" in environ:  # the passwords are known: no web page may log in from its reader's browser
            return _plain(HTTPStatus.FORBIDDEN, "This is for Koji's clients, not for web pages.")
        switched = faults.read_all(self.database.reader())
        if switched.get("bad_gateway", 0) > time.time():
            return _plain(HTTPStatus.BAD_GATEWAY, "Bad Gateway")
        if switched.get("delay"):
            time.sleep(float(switched["delay"]))
        if _strikes(switched.get("drop_percent", 0)):
            return _hang_up(environ)
        response = self._answer(environ)
        return _hang_up(environ) if _strikes(switched.get("drop_reply_percent", 0)) else response

    def _answer(self, environ: Environ) -> Response:
        if int(environ.get("CONTENT_LENGTH") or 0) > self.settings.max_body:
            return _plain(HTTPStatus.BAD_REQUEST, "Invalid request: Request too long")
        try:
            if environ.get("CONTENT_TYPE") == "application/octet-stream":
                body = self._upload(environ)
            else:
                body = self.dispatcher.answer(environ["wsgi.input"].read(), environ)
        except rpc.BadRequest as error:
            return _plain(HTTPStatus.BAD_REQUEST, str(error))
        headers = (("Content-Type", "text/xml"), ("Content-Length", str(len(body))), ("Koji-Version", KOJI_VERSION))
        return Response(HTTPStatus.OK, headers, [body])

    def _upload(self, environ: Environ) -> bytes:
        try:
            if self.dispatcher.session(environ) is None:
                raise koji.ActionNotAllowed("you must be logged-in to upload a file")
            answer = uploads.receive(self.settings, dict(parse_qsl(environ["QUERY_STRING"])), environ["wsgi.input"])
        except Exception as error:  # noqa: BLE001 - the caller gets every failure as a fault
            return rpc.encode_fault(error)
        return wire.write_answer(answer)

    def _files(self, environ: Environ, path: str) -> Response:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "Files are read-only")
        return fileserver.serve(self.settings.files, path, environ.get("HTTP_RANGE"))


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
            channel_timeout=settings.idle_timeout,
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


def _plain(status: HTTPStatus, text: str) -> Response:
    body = f"{text}\n".encode()
    return Response(status, (("Content-Type", "text/plain"), ("Content-Length", str(len(body)))), [body])
