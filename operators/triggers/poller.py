"""The pollers of a triggerer: one per hub, whoever waits and however many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from mbs.koji.poller import HubPoller, Pace, Update
from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.koji.snapshot import Key
from mbs.model.errors import MbsError
from operators.hooks import settings

_pollers: dict[HubAccount, HubPoller] = {}
_lock = threading.Lock()
_hosts: dict[tuple[int, int], str] = {}

T = TypeVar("T")

ASK_SECONDS = 20.0
"""Airflow gives a trigger's `on_kill` thirty."""


def poller_for(account: HubAccount) -> HubPoller:
    """Give this process's poller of a hub."""
    with _lock:
        if account not in _pollers:
            pace = Pace(settings().koji_poll_interval)
            _pollers[account] = HubPoller(partial(HubSession, account, delays=IMPATIENT), pace)
        return _pollers[account]


@asynccontextmanager
async def watching(poller: HubPoller, key: Key) -> AsyncIterator[asyncio.Queue[Update]]:
    """Watch something of the hub; update come into the queue of this event loop."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Update] = asyncio.Queue()
    leave = poller.watch(key, lambda update: _put(loop, queue, update))
    try:
        yield queue
    finally:
        leave()


async def ask(poller: HubPoller, job: Callable[[HubSession], T]) -> T:
    """Have the poller's session do something now; for small things only, its next look waits. Raises TimeoutError."""
    async with asyncio.timeout(ASK_SECONDS):
        return await asyncio.wrap_future(poller.ask(job))


async def host_name(poller: HubPoller, host_id: int) -> str:
    """Give a builder's name; a hub is asked for each once."""
    key = (id(poller), host_id)
    if key not in _hosts:
        try:
            host = await ask(poller, lambda hub: hub.call("getHost", host_id))
        except (MbsError, TimeoutError):
            return f"host {host_id}"
        _hosts[key] = str(host["name"]) if host else f"host {host_id}"
    return _hosts[key]


def _put(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Update], update: Update) -> None:
    """Hand update over from the poller's thread; a loop that has ended needs none."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(queue.put_nowait, update)
