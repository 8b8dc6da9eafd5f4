"""Who follows changes, within this process: a bounded number, all woken by one connection that listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from anyio import CapacityLimiter

from mbs.model.errors import Busy
from mbs.registry import Changes, Registry
from mbs.registry.events import CHANNEL

STREAMS = 64
"""At a time, in each process."""

AT_ONCE = 4
"""Streams that read the registry at a time: all of them are woken together."""

_LOOK = 1.0
"""Seconds after which the listening thread looks whether anybody is left."""
_PAUSE = 0.2
"""Seconds between two wakings: what changes meanwhile is told together."""

Waiting = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Feed:
    """Wakes streams when states have changed; its thread and its connection are there as long as anybody listens."""

    def __init__(self, registry: Callable[[], Registry]) -> None:
        """Take what gives the registry of this process."""
        self._registry = registry
        self._lock = Lock()
        self._waiting: set[Waiting] = set()
        self._is_listening = False
        self.limiter = CapacityLimiter(AT_ONCE)

    @contextmanager
    def place(self) -> Iterator[asyncio.Event]:
        """Take a place, and give what is set when something may have changed. Raises Busy."""
        mine = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            if len(self._waiting) >= STREAMS:
                raise Busy(f"{STREAMS} streams of events are open already. Try again in a minute.")
            self._waiting.add(mine)
            if not self._is_listening:
                self._is_listening = True
                Thread(target=self._listen, name="mbs-events", daemon=True).start()
        try:
            yield mine[1]
        finally:
            with self._lock:
                self._waiting.discard(mine)

    def _listen(self) -> None:
        changes = Changes(self._registry().engine, CHANNEL)
        try:
            while waiting := self._left():
                if changes.heard(_LOOK):
                    for loop, woken in waiting:
                        with suppress(RuntimeError):  # the loop is closed: the server has ended
                            loop.call_soon_threadsafe(woken.set)
                    time.sleep(_PAUSE)
        finally:
            changes.close()

    def _left(self) -> tuple[Waiting, ...]:
        """Give who listens; where nobody does, the thread ends."""
        with self._lock:
            self._is_listening = bool(self._waiting)
            return tuple(self._waiting)
