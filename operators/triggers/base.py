"""What all triggers have in common: the wait for a hub, by one poller for each hub of a triggerer, however many wait.

Arguments are small and static: Airflow stores them, and may start a trigger anywhere and more than once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from mbs.koji.poller import HubPoller, Pace, Unavailable, Update
from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.koji.snapshot import HubKey, Key, Snapshot
from mbs.model.errors import HubRefused, MbsError
from operators.hooks import account_behind, settings

ENDED = "ended"
GAVE_UP = "gave_up"

Arguments: TypeAlias = dict[str, Any]
T = TypeVar("T")


class GaveUp(Exception):
    """The wait is over by time."""


class KojiTrigger(BaseTrigger):
    """Waits for something of a hub until `deadline` (seconds since the epoch)."""

    def __init__(self, *, koji_conn_id: str, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # BaseTrigger has no annotations
        self.koji_conn_id = koji_conn_id
        self.deadline = deadline
        self._logged = ""

    def serialize(self) -> tuple[str, Arguments]:
        """Give the class, by the name that the package has for it, and the arguments to make it anew."""
        return f"{__package__}.{type(self).__qualname__}", self.arguments()

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {"koji_conn_id": self.koji_conn_id, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then give the one event."""
        try:
            # Interrupted in there, a trigger would not be told why, and its on_kill would not be called.
            account = await asyncio.shield(asyncio.create_task(account_behind(self.koji_conn_id)))
            event = await self.wait(account, poller_for(account))
        except GaveUp as reason:
            event = TriggerEvent({"kind": GAVE_UP, "reason": str(reason)})
        yield event

    @abstractmethod
    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:
        """Wait for what the trigger is about. Raises GaveUp."""

    async def until(self, poller: HubPoller, key: Key, decide: Callable[[Snapshot], Awaitable[T | None]]) -> T:
        """Poll what a key shows until `decide` gives something. Raises GaveUp."""
        unavailable = False
        async with watching(poller, key) as updates:
            while True:
                update = await self._next(updates)
                if isinstance(update, Unavailable):
                    self._check_patience(update, logged=unavailable)
                    unavailable = True
                    continue
                if unavailable:
                    self.log.info("The Koji hub is back.")
                    unavailable = False
                decided = await decide(update)
                if decided is not None:
                    return decided

    def log_if_new(self, text: str) -> None:
        """Log what Koji does now, unless that was the last that was logged."""
        if text != self._logged:
            self._logged = text
            self.log.info("%s", text)

    async def _next(self, updates: asyncio.Queue[Update]) -> Update:
        try:
            return await asyncio.wait_for(updates.get(), max(0.0, self.deadline - time.time()))
        except TimeoutError:
            msg = "It took longer than it may."
            raise GaveUp(msg) from None

    def _check_patience(self, update: Unavailable, *, logged: bool) -> None:
        """Wait on for a hub that does not answer, as long as the settings allow."""
        if update.seconds > settings().koji_away_timeout:
            msg = f"The Koji hub was away for {update.seconds / 3600:.1f} hours: {update.reason}"
            raise GaveUp(msg)
        if not logged:
            self.log.warning("The Koji hub is away, waiting for it: %s", update.reason)


class HubTrigger(KojiTrigger):
    """Waits until the hub answers."""

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:  # noqa: ARG002 # others need it
        """Wait for any answer."""

        async def decide(snapshot: Snapshot) -> bool | None:
            return None if isinstance(snapshot, HubRefused) else True

        await self.until(poller, HubKey(), decide)
        return TriggerEvent({"kind": ENDED})


_pollers: dict[HubAccount, HubPoller] = {}
_lock = threading.Lock()
_hosts: dict[tuple[int, int], str] = {}

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
    """Have the poller's session do something now; for small things only, its next poll waits. Raises TimeoutError."""
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
