"""The connections of the server: what a client may take of it before it has said what it wants.

Waitress reads all connections in one thread and hands whole requests to its workers, so a slow client holds no worker.
What is left to bound are the connections themselves: how many there are, and how long one may take to say its request.
"""

from __future__ import annotations

import time
from typing import Any, cast

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest

CONNECTIONS = 500
"""How many are kept; one more, and the connection goes whose last whole request is the longest ago."""
HEADERS = 1 << 15
"""Bytes of a request's first line and headers together."""
HEADER_SECONDS, REQUEST_SECONDS = 20.0, 300.0
"""How long a client may take for the headers of a request, and for the whole of it."""


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
    """Waitress' connection, which is closed when a request takes too long, or to make room for another connection."""

    parser_class = Parser

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take a new connection, and the place of the least useful one where there are too many."""
        super().__init__(*arguments, **options)
        self.served = self.begun = time.monotonic()
        channels: dict[int, Channel] = cast("Any", self.server).active_channels
        if len(channels) > CONNECTIONS:
            self._make_room([channel for channel in channels.values() if channel is not self])

    def received(self, data: bytes) -> bool:
        """Take bytes of a request; a connection that takes too long for it is closed."""
        now = time.monotonic()
        if self.request is None:
            self.begun = now
        elif now - self.begun > (REQUEST_SECONDS if self.request.headers_finished else HEADER_SECONDS):
            self.will_close = True
            return False
        accepted = bool(super().received(data))
        if self.request is None:
            self.served = now
        return accepted

    def _make_room(self, others: list[Channel]) -> None:
        waiting = [channel for channel in others if not channel.requests]
        if waiting:
            min(waiting, key=lambda channel: channel.served).handle_close()
