"""The side process of the Koji executor: it claims tasks, has them done together, and ends them.

    python -m operators.executors.side FD

It knows nothing of Airflow but the Execution API, so that it is small and starts quickly; what it has to know its
executor tells it through the socket FD. It does nothing to Koji, the registry or Airflow but while its executor has
confirmed that the tasks are its own (`Confirm`), and it ends when its executor is gone.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NoReturn, TypeVar

from mbs.koji.session import IMPATIENT, HubSession
from mbs.model.errors import Infrastructure
from mbs.planning.notes import Failure
from mbs.registry import Registry, engine_for
from mbs.settings import Settings
from mbs.steps.follower import Follower
from mbs.steps.tasks import End, Failed, Task
from operators.executors.ends import announced_by, assets_of, last_words, left_by, state_of
from operators.executors.errands import Errand, Errands
from operators.executors.execution_api import ApiRefused, ExecutionApi
from operators.executors.messages import (
    Alive,
    Begin,
    Claimed,
    Confirm,
    Drop,
    Dropped,
    Ended,
    Ending,
    Entry,
    Facts,
    Refused,
    Speaker,
    Take,
    ToSide,
    listen,
    now,
)
from operators.executors.plans import Plans, UnknownTask
from operators.executors.task_log import TaskLogs

T = TypeVar("T")

LIFE_SECONDS = 2.0
"""Seconds between two signs of life."""

TOGETHER_SECONDS = 0.5
"""Seconds that tasks wait for others that are claimed at the same time, to be begun together."""

ROUND_SECONDS = 1.0
"""Longest wait for something new."""

PAUSE_SECONDS = 2.0
"""Seconds before something is tried again that the infrastructure or a defect prevented."""

ASIDE_THREADS = 4

log = logging.getLogger("operators.executors.side")


class Side:
    """Holds tasks; one thread does all of it, but for the Execution API, which has its own, and long jobs."""

    def __init__(self, begin: Begin, speaker: Speaker) -> None:
        """Take what there is to know, and who listens."""
        self._speaker = speaker
        self._retries = begin.retries
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._until = 0.0
        self._entries: dict[str, Entry] = {}
        self._claiming: set[str] = set()
        self._new: dict[str, Entry] = {}
        self._new_since = 0.0
        self._canceling: set[str] = set()
        self._not_before = 0.0
        self._told = 0.0
        self._api = ExecutionApi(begin.server, begin.api_version, host=begin.host, user=begin.user, pid=begin.pid)
        self._errands = Errands(self.may_act, self._todo.put)
        registry = Registry(engine_for(begin.registry))
        self._logs = TaskLogs(begin.logs, (begin.account.password, registry.engine.url.password))
        self._plans = Plans(registry)
        self._follower = Follower(
            partial(HubSession, begin.account, delays=IMPATIENT),
            registry,
            Settings.from_mapping(begin.settings),
            Runs(self._api, self._logs, self._entries),
            holder=f"{begin.host}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
            aside=Aside(partial(self._todo.put, _nothing)),
        )

    def may_act(self) -> bool:
        """Tell whether the tasks are surely ours."""
        return now() < self._until

    def hear(self, message: ToSide) -> None:
        """Take a message, in whatever thread."""
        match message:
            case Confirm(until, tokens):
                self._until = until
                self._todo.put(partial(self._renew, tokens))
            case Take(entries):
                self._todo.put(partial(self._take, entries))
            case Drop(ids, cancel):
                self._todo.put(partial(self._drop, ids, cancel))

    def run(self) -> NoReturn:
        """Do what there is to do, for ever."""
        while True:
            self._do_all(min(self._follower.due, self._errands.due, ROUND_SECONDS))
            self._errands.go()
            self._begin()
            self._follow()
            if time.monotonic() > self._told + LIFE_SECONDS:
                self._told = time.monotonic()
                self._speaker.send(Alive())

    def _do_all(self, patience: float) -> None:
        """Wait for something to do, and do all that there is."""
        try:
            self._todo.get(timeout=max(patience, 0.01))()
            while True:
                self._todo.get_nowait()()
        except queue.Empty:
            return

    def _renew(self, tokens: dict[str, str]) -> None:
        for task_id, token in tokens.items():
            if task_id in self._entries:
                self._entries[task_id].token = token

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries[entry.id] = entry
            if entry.facts is not None:
                self._add(entry)
            else:
                self._claim(entry)

    def _claim(self, entry: Entry) -> None:
        self._claiming.add(entry.id)
        self._errands.add(
            Errand(
                f"The claim of {entry.task_id} of {entry.dag_id}",
                partial(self._api.claim, entry),
                partial(self._claimed, entry),
                partial(self._refused, entry),
                partial(self._is_held, entry.id),
            )
        )

    def _claimed(self, entry: Entry, facts: Facts) -> None:
        self._claiming.discard(entry.id)
        entry.facts = facts
        self._speaker.send(Claimed(entry.id, facts))
        if self._is_held(entry.id):
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        if not self._new:
            self._new_since = time.monotonic()
        self._new[entry.id] = entry

    def _refused(self, entry: Entry, refusal: ApiRefused) -> None:
        log.info("Airflow refuses %s of %s to us: %s", entry.task_id, entry.dag_id, refusal)
        self._forget(entry.id)
        self._speaker.send(Refused(entry.id))

    def _drop(self, ids: Sequence[str], cancel: str | None) -> None:
        if cancel is None:
            self._follower.drop(ids, cancel=None)
            for task_id in ids:
                self._forget(task_id)
            return
        self._begin(self._new.keys() & ids)
        self._follower.drop(ids, cancel=cancel)
        self._canceling.update(ids)
        for entry in [self._entries[task_id] for task_id in ids if task_id in self._entries]:
            self._logs.write(entry.log, cancel, level="warning")

    def _forget(self, task_id: str) -> None:
        self._entries.pop(task_id, None)
        self._new.pop(task_id, None)
        self._claiming.discard(task_id)
        self._canceling.discard(task_id)

    def _is_held(self, task_id: str) -> bool:
        return task_id in self._entries and task_id not in self._canceling

    def _begin(self, only: Iterable[str] | None = None) -> None:
        """Have claimed tasks begun, when those that are claimed now are there, too."""
        together = not self._claiming or time.monotonic() > self._new_since + TOGETHER_SECONDS
        wanted = list(only if only is not None else self._new if together else ())
        if not wanted or time.monotonic() < self._not_before:
            return
        try:
            tasks = [task for task_id in wanted if (task := self._task(self._new[task_id])) is not None]
        except Infrastructure as error:
            log.warning("Tasks wait to be begun: %s", error)
            self._not_before = time.monotonic() + PAUSE_SECONDS
            return
        for task_id in wanted:
            del self._new[task_id]
        self._follower.take(tasks)

    def _task(self, entry: Entry) -> Task | None:
        """Give what a task is; one that is not in the registry ends. Raises RegistryUnavailable."""
        if entry.facts is None:
            return None
        try:
            plan, node = self._plans.task(entry.dag_id, entry.task_id)
        except UnknownTask as error:
            self._end(entry, Failed(Failure(time.time(), str(error), entry.task_id)))
            return None
        facts = entry.facts
        return Task(entry.id, plan, node, facts.max_tries - self._retries, facts.started, facts.run_started)

    def _follow(self) -> None:
        """Have the tasks done, one round of it; a defect must not end what is held."""
        if time.monotonic() < self._not_before:
            return
        try:
            for task, end in self._follower.step(may_act=self.may_act):
                if self._is_held(task.id):
                    self._end(self._entries[task.id], end)
        except Exception:
            log.exception("A round failed.")
            self._not_before = time.monotonic() + PAUSE_SECONDS
        else:
            self._tell_canceled()

    def _tell_canceled(self) -> None:
        done = sorted(self._canceling - set(self._follower.canceling))
        if done and self.may_act():
            for task_id in done:
                self._forget(task_id)
            self._speaker.send(Dropped(done))

    def _end(self, entry: Entry, end: End) -> None:
        """Write into the log how a task ended, and tell Airflow until it takes it."""
        self._errands.add(
            Errand(
                f"The end of {entry.task_id} of {entry.dag_id}",
                partial(self._tell_end, entry, end),
                lambda _: self._ended(entry),
                partial(self._refused, entry),
                partial(self._is_held, entry.id),
            )
        )
        for level, sentence in last_words(end):
            self._logs.write(entry.log, sentence, level=level)

    def _tell_end(self, entry: Entry, end: End) -> None:
        self._speaker.send(Ending(entry.id))
        self._api.leave(entry, left_by(end))
        announced = announced_by(end)
        assets = () if announced is None else assets_of(self._plans.task(entry.dag_id, entry.task_id)[0].nsvc)
        self._api.end(entry, state_of(end, entry.facts), assets, announced)

    def _ended(self, entry: Entry) -> None:
        self._forget(entry.id)
        self._speaker.send(Ended(entry.id))


class Runs:
    """What tasks ask of their runs, and tell them (`mbs.steps.tasks.Run`)."""

    def __init__(self, api: ExecutionApi, logs: TaskLogs, entries: Mapping[str, Entry]) -> None:
        """Take the API, the logs, and the tasks that are held."""
        self._api = api
        self._logs = logs
        self._entries = entries

    def log(self, task: Task, sentence: str, *, level: str = "info") -> None:
        """Write a sentence into the log of a task, unless that is dropped."""
        entry = self._entries.get(task.id)
        if entry is not None:
            self._logs.write(entry.log, sentence, level=level)

    def failed_tasks(self, task: Task) -> list[str]:
        """Give the ids of the failed tasks of its run."""
        states = self._api.states(self._entries[task.id])
        return sorted(task_id for task_id, state in states.items() if state == "failed")

    def left(self, task: Task, task_ids: Sequence[str], key: str) -> list[Any]:
        """Give what tasks of its run have left."""
        return self._api.left(self._entries[task.id], task_ids, key)


class Aside(ThreadPoolExecutor):
    """Threads for what takes long; the loop is woken when something has ended."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Take what wakes the loop."""
        super().__init__(ASIDE_THREADS, thread_name_prefix="aside")
        self._wake = wake

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Begin something."""
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: self._wake())
        return future


def main() -> NoReturn:
    """Be the side process of the executor at the other end of the socket."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the scheduler ends us
    sock = socket.socket(fileno=int(sys.argv[1]))
    messages = listen(sock)
    begin = next(messages, None)
    if not isinstance(begin, Begin):
        sys.exit("The first message says what there is to know.")
    side = Side(begin, Speaker(sock))
    threading.Thread(target=_hear, args=(side, messages), name="hear", daemon=True).start()
    side.run()


def _hear(side: Side, messages: Iterator[ToSide]) -> NoReturn:
    """Hand messages on until the executor is gone; then end at once: another process holds the tasks soon."""
    try:
        for message in messages:
            side.hear(message)
    finally:
        os._exit(0)


def _nothing() -> None:
    """Only wake the loop."""


if __name__ == "__main__":
    main()
