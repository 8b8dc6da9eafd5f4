"""One thread per hub that asks for everything anyone in this process waits for.

Waiting costs the hub one chain of multicalls per interval, however many wait. When nothing changes the interval
grows; when something does, or someone new comes, it is the short one again. A hub that does not answer is asked again,
less and less often, and everyone who waits is notified since when.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from mbs.koji.session import HubSession
from mbs.koji.snapshot import Key, Snapshot, Watch

log = logging.getLogger(__name__)
T = TypeVar("T")

COALESCE = 0.2
"""Seconds that a first poll waits for others who come at the same time."""

IDLE = 60.0
"""Seconds after the last one who waits until the thread logs out and ends."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask: every `interval` seconds, up to thrice as long when nothing changes."""

    interval: float = 5.0

    def after(self, current: float, *, changed: bool) -> float:
        """Give the next interval after a poll that did or did not show anything new."""
        return self.interval if changed else min(current * 1.25, self.interval * 3)

    def after_unavailable(self, current: float) -> float:
        """Give the next interval after a poll that found no hub: up to a minute by default."""
        return min(current * 2, self.interval * 12)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The hub does not answer."""

    reason: str
    seconds: float
    """Since the first poll that found it so."""


Update: TypeAlias = Snapshot | Unavailable
Listener: TypeAlias = Callable[[Update], None]


@dataclass(eq=False, slots=True)
class _Waiter:
    key: Key
    notify: Listener
    seen: Snapshot | None = None


@dataclass(slots=True)
class _Work:
    job: Callable[[HubSession], object]
    result: Future[object] = field(default_factory=Future)


class HubPoller:
    """Watches tasks and repository requests of one hub; starts and ends its thread by itself."""

    def __init__(
        self,
        connect: Callable[[], HubSession],
        pace: Pace | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a function that makes a session; it is called in the poller's thread only."""
        self._connect = connect
        self._pace = pace or Pace()
        self._clock = clock
        self._changed = threading.Condition()
        self._watch = Watch()
        self._waiters: set[_Waiter] = set()
        self._work: list[_Work] = []
        self._thread: threading.Thread | None = None
        self._due = 0.0
        self._interval = self._pace.interval
        self._unavailable_since: float | None = None

    def watch(self, key: Key, notify: Listener) -> Callable[[], None]:
        """Notify, from the poller's thread, of what is seen first and whatever is new; gives the function to end it."""
        waiter = _Waiter(key, notify)
        with self._changed:
            self._waiters.add(waiter)
            if self._unavailable_since is None:
                self._due = min(self._due, self._clock() + COALESCE)
                self._interval = self._pace.interval
            self._wake()
        return lambda: self._leave(waiter)

    def ask(self, job: Callable[[HubSession], T]) -> Future[T]:
        """Have the poller's thread do something with its session, before its next poll."""
        work: _Work = _Work(job)
        with self._changed:
            self._work.append(work)
            self._wake()
        return work.result  # type: ignore[return-value] # the job that it is the result of gives a T

    def _leave(self, waiter: _Waiter) -> None:
        with self._changed:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="koji-poller", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _run(self) -> None:
        with self._connect() as session:
            while self._wait():
                self._do_work(session)
                if self._is_due():
                    self._poll(session)

    def _wait(self) -> bool:
        """Sleep until there is something to do; gives False, once, when nobody has wanted anything for a while."""
        idle_until = self._clock() + IDLE
        with self._changed:
            while not self._work:
                until = self._due if self._waiters else idle_until
                rest = until - self._clock()
                if rest <= 0:
                    break
                self._changed.wait(rest)
            if not self._work and not self._waiters:
                self._thread = None
                return False
            return True

    def _is_due(self) -> bool:
        with self._changed:
            return bool(self._waiters) and self._clock() >= self._due

    def _do_work(self, session: HubSession) -> None:
        with self._changed:
            work, self._work = self._work, []
        for item in work:
            if item.result.set_running_or_notify_cancel():
                try:
                    item.result.set_result(item.job(session))
                except Exception as error:  # noqa: BLE001 # it is the asker's, whatever it is
                    item.result.set_exception(error)

    def _poll(self, session: HubSession) -> None:
        with self._changed:
            waiters = list(self._waiters)
        try:
            self._watch.changes(session, {waiter.key for waiter in waiters})
        except Exception as error:  # noqa: BLE001 # no one poll may end the waiting of everyone
            self._notify_unavailable(waiters, error)
        else:
            self._notify(waiters, self._watch.seen)

    def _notify(self, waiters: Collection[_Waiter], snapshots: Mapping[Key, Snapshot]) -> None:
        self._unavailable_since = None
        changed = [waiter for waiter in waiters if waiter.seen != snapshots[waiter.key]]
        for waiter in changed:
            waiter.seen = snapshots[waiter.key]
            waiter.notify(waiter.seen)
        with self._changed:
            self._interval = self._pace.after(self._interval, changed=bool(changed))
            self._due = self._clock() + self._interval

    def _notify_unavailable(self, waiters: Collection[_Waiter], error: Exception) -> None:
        now = self._clock()
        if self._unavailable_since is None:
            self._unavailable_since = now
            log.warning("The Koji hub is away; %d wait for it: %s", len(waiters), error)
        for waiter in waiters:
            waiter.notify(Unavailable(str(error), now - self._unavailable_since))
        with self._changed:
            self._interval = self._pace.after_unavailable(self._interval)
            self._due = now + self._interval
