"""Version 3: changes of states as they happen, as Server-Sent Events, of which a client misses none.

A stream ends after a while, so that a server can be stopped and a balancer can balance; clients (EventSource, curl in
a loop) come back with the id of the last event, and are told what they have missed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mbs.model.errors import Infrastructure, InvalidRequest
from mbs.registry import Registry
from mbs.registry.events import Event, EventFilter, Position, Told
from mbs.web import openapi, query, shapes
from mbs.web.feed import Feed
from mbs.web.front import IS_HEAD
from mbs.web.services import Given

router = APIRouter()

SECONDS = 60.0
"""After which a stream ends."""

HEARTBEAT = 15.0
"""Seconds after which something is sent, though nothing has happened: a connection that died is noticed."""

SOON = 0.5
"""Seconds until what an open transaction holds back is asked for again."""

BATCH = 100
"""Events that are read at once, and all that is in memory for a client that reads slowly."""

_RETRY = 1000
"""Milliseconds after which a client is to come back."""

_ID = re.compile(r"([0-9]{1,18})-([0-9])-([0-9]{1,18})", re.ASCII)
_TYPE = "text/event-stream"


@router.get("/events/", response_class=StreamingResponse, **openapi.EVENTS)
async def events(request: Request, services: Given) -> Response:
    """Tell every change of state of module builds and components from now on, or after that of `Last-Event-ID`.

    A stream ends after a minute: come back with the id of the last event, as EventSource does, and none is missed.
    After the event `reset` read the lists again: the id is of another database.
    """
    wanted = query.events_asked(request.query_params)
    position = _position(request.headers.get("last-event-id", ""))
    if request.scope.get(IS_HEAD):
        return Response(media_type=_TYPE)
    feed: Feed = request.app.state.feed
    registry = services.registry()
    now = await to_thread.run_sync(registry.events.now, limiter=feed.limiter)
    return _Stream(feed, registry, wanted, position or now, is_lost=position is not None and position > now)


class _Stream(StreamingResponse):
    """The answer to one client, who has one of the places as long as it lasts."""

    media_type = _TYPE

    def __init__(
        self, feed: Feed, registry: Registry, wanted: EventFilter, position: Position, *, is_lost: bool
    ) -> None:
        super().__init__(iter(()), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._feed, self._registry, self._wanted = feed, registry, wanted
        self._position, self._is_lost = position, is_lost

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.place() as woken:
            self.body_iterator = self._texts(woken)
            await super().__call__(scope, receive, send)

    async def _texts(self, woken: asyncio.Event) -> AsyncIterator[str]:
        clock = asyncio.get_running_loop().time
        end, said = clock() + SECONDS, clock()
        if self._is_lost:  # what the client has seen is of another database
            self._position = await to_thread.run_sync(self._registry.events.now, limiter=self._feed.limiter)
        yield f"retry: {_RETRY}\n" + ("event: reset\ndata: {}\n" if self._is_lost else "") + self._beat()
        while (left := end - clock()) > 0:
            woken.clear()
            try:
                told = await to_thread.run_sync(self._read, limiter=self._feed.limiter)
            except Infrastructure:
                return
            self._position = told.position
            if told.events or clock() - said >= HEARTBEAT:
                yield "".join(map(_text, told.events)) or self._beat()
                said = clock()
            if len(told.events) < BATCH:
                await _first(woken, min(left, HEARTBEAT if told.is_all else SOON))

    def _read(self) -> Told:
        return self._registry.events.after(self._position, self._wanted, BATCH)

    def _beat(self) -> str:
        """Tell the position, and nothing else: of an id alone clients make no event, but they keep it."""
        return f"id: {_id(self._position)}\n\n"


async def _first(woken: asyncio.Event, seconds: float) -> None:
    """Wait until something may have changed, or as long."""
    with suppress(TimeoutError):
        await asyncio.wait_for(woken.wait(), seconds)


def _position(given: str) -> Position | None:
    if not given:
        return None
    if (found := _ID.fullmatch(given)) is None:
        raise InvalidRequest("Last-Event-ID is not the id of an event")
    return Position(*map(int, found.groups()))


def _id(position: Position) -> str:
    return "-".join(map(str, position))


def _text(event: Event) -> str:
    """Write an event; JSON has no line breaks."""
    data = msgspec.json.encode(_shown(event), order="sorted").decode()
    kind = "module-build" if event.component_id is None else "component-build"
    return f"id: {_id(event.position)}\nevent: {kind}\ndata: {data}\n\n"


def _shown(event: Event) -> dict[str, Any]:
    nsvc, state = event.nsvc, event.state
    shown = {
        "time": shapes.time(event.time),
        "module_build": event.build_id,
        "name": nsvc.name,
        "stream": nsvc.stream,
        "version": str(nsvc.version),
        "context": nsvc.context,
        "owner": event.owner,
        "state": state,
        "state_name": None if state is None else state.label,
        "state_reason": event.reason,
    }
    if event.component_id is not None:
        shown |= {"component_build": event.component_id, "package": event.package, "task_id": event.task_id}
    return shown
