"""Tasks that are held: what is common to all kinds of them, however they wait, and who is to blame when one fails."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mbs.koji.faults import KojiValue
from mbs.koji.session import Call, Hub, HubSession
from mbs.model.errors import ForbiddenTransition, HubUnavailable, Infrastructure, MbsError
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.steps.tasks import End, Interrupted, Run, Task
from mbs.steps.work import Means, failed

T = TypeVar("T")

REGISTRY_PATIENCE = 120.0
"""Seconds for which the registry may be away; then the task is tried again by whoever ran it."""

PAUSE = 1.0
"""Seconds until those may act again, perhaps, who may not."""

TOO_LONG = "It took longer than it may."


class Lapsed(Exception):
    """Whether the tasks are still held by us is not sure: nothing may be written just now."""


@dataclass(eq=False, slots=True)
class Held:
    """A task that is held."""

    task: Task
    deadline: float = field(init=False, default=0.0)
    """When its patience ends, in seconds since the epoch."""
    not_before: float = 0.0
    """When it is to be taken further, by the monotonic clock."""
    job: Future[Any] | None = None
    """What is done for it aside."""
    is_dropped: bool = False
    then: Callable[[Any], None] = field(default=lambda _: None)
    """What is done with the job's result."""
    said: str = ""
    """What its log says of Koji's progress, last."""
    away_since: float | None = None
    """Since when it waits for something that does not answer, by the monotonic clock."""
    is_hub_away: bool = False
    """Whether that is the hub."""

    @property
    def waits(self) -> bool:
        """Whether it waits for something of Koji."""
        return False

    @property
    def is_idle(self) -> bool:
        """Whether it is to be begun, or to be gone on with."""
        return self.job is None and not self.waits


class Keeper:
    """Holds tasks: does jobs for them aside, tells their logs, and ends them. One thread calls it."""

    def __init__(
        self,
        connect: Callable[[], HubSession],
        registry: Registry,
        settings: Settings,
        run: Run,
        aside: Executor | None,
    ) -> None:
        """Take what tasks work with; without `aside` jobs are done at once."""
        self.held: dict[str, Held] = {}
        self.ended: list[tuple[Task, End]] = []
        self.settings = settings
        self.run = run
        self.may_act: Callable[[], bool] = lambda: False
        self.registry = registry.checked(self.check)
        self._connect = connect
        self._session: HubSession | None = None
        self._aside = aside or _Inline()
        self._jobs: list[tuple[Held, Callable[[Held, Exception], None]]] = []

    @property
    def hub(self) -> HubSession:
        """The session of this thread; nothing is written with it but after `check`."""
        if self._session is None:
            self._session = self._connect()
        return self._session

    @property
    def is_busy(self) -> bool:
        """Whether something is done aside."""
        return bool(self._jobs)

    @property
    def has_news(self) -> bool:
        """Whether something that was done aside has ended."""
        return any(held.job is not None and held.job.done() for held, _ in self._jobs)

    @property
    def means(self) -> Means:
        """What tasks work with, each call to the hub checked."""
        return Means(_Checked(self.hub, self.check), self.registry, self.settings, self.run)

    def check(self) -> None:
        """Raise Lapsed where it is not sure that the tasks are still ours."""
        if not self.may_act():
            raise Lapsed

    def aside(
        self,
        held: Held,
        work: Callable[[Means], T],
        then: Callable[[T], None],
        otherwise: Callable[[Held, Exception], None] | None = None,
    ) -> None:
        """Do something for a task aside, and `then` something with its result, in the thread of `collect`."""
        self.aside_for([(held, then)], work, otherwise)

    def aside_for(
        self,
        parts: Collection[tuple[Held, Callable[[T], None]]],
        work: Callable[[Means], T],
        otherwise: Callable[[Held, Exception], None] | None = None,
    ) -> None:
        """Do something for several tasks together aside, and then with its result what each of them has to do."""
        if not parts:
            return
        means = self.means

        def job() -> T:
            self.check()
            return work(means)

        shared = self._aside.submit(job)
        for held, then in parts:
            held.then, held.job = then, shared
            self._jobs.append((held, otherwise or self.blame))

    def collect(self) -> None:
        """Go on with the tasks whose jobs have ended."""
        done = [
            (held, job, otherwise) for held, otherwise in self._jobs if (job := held.job) is not None and job.done()
        ]
        ended = {id(held) for held, _, _ in done}
        self._jobs = [each for each in self._jobs if id(each[0]) not in ended]
        for held, job, otherwise in done:
            held.job = None
            if held.is_dropped:
                continue
            try:
                result = job.result()
                self.answered(held)
                held.then(result)
            except Exception as error:  # noqa: BLE001 # it ends this task, whatever it is, and no other
                otherwise(held, error)

    def together(self, group: Collection[Held], work: Callable[[], None]) -> None:
        """Do something for several tasks; what is raised is the matter of each."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 # it ends these tasks, whatever it is, and no others
            for held in group:
                self.blame(held, error)

    def apart(self, parts: Sequence[tuple[Collection[Held], T]], work: Callable[[Sequence[T]], None]) -> None:
        """Do something for all parts together; where one of them keeps it from being done, for each alone."""
        everyone = [held for helds, _ in parts for held in helds]
        try:
            work([part for _, part in parts])
        except Exception as error:  # noqa: BLE001 # likewise
            if len(parts) == 1 or isinstance(error, Infrastructure | Lapsed):
                for held in everyone:
                    self.blame(held, error)
                return
            for helds, part in parts:
                self.together(helds, partial(work, [part]))
        else:
            for held in everyone:
                self.answered(held)

    def tell(self, held: Held, sentence: str, level: str = "info") -> None:
        """Tell the log of a task."""
        self.run.log(held.task, sentence, level=level)

    def progress(self, held: Held, sentence: str) -> None:
        """Tell the log what Koji does now, unless that was the last that was told."""
        if sentence != held.said:
            held.said = sentence
            self.tell(held, sentence)

    def end(self, held: Held, end: End) -> None:
        """End a task; of one that was dropped nobody wants to know."""
        if self.held.pop(held.task.id, None) is held:
            self.ended.append((held.task, end))

    def blame(self, held: Held, error: Exception) -> None:
        """Wait for what does not answer, else end the task: for good where Koji or the document is to blame."""
        match error:
            case Lapsed():
                held.not_before = time.monotonic() + PAUSE
            case Infrastructure():
                self._wait_for(held, error)
            case ForbiddenTransition():
                self.tell(held, _traceback(error), "error")
                self.end(held, failed(held.task, str(error)))
            case MbsError():
                self.end(held, failed(held.task, str(error)))
            case _:
                self.tell(held, _traceback(error), "error")
                self.end(held, Interrupted(f"{type(error).__name__}: {error}"))

    def answered(self, held: Held) -> None:
        """Forget that something did not answer."""
        if held.away_since is not None:
            held.away_since = None
            self.tell(held, "It answers again.")

    def _wait_for(self, held: Held, error: Infrastructure) -> None:
        now, is_hub = time.monotonic(), isinstance(error, HubUnavailable)
        if held.away_since is None or held.is_hub_away != is_hub:
            held.away_since, held.is_hub_away = now, is_hub
            self.tell(
                held, f"The Koji hub is away, waiting for it: {error}" if is_hub else f"{error} Waiting.", "warning"
            )
        seconds = now - held.away_since
        if is_hub and seconds > self.settings.koji_away_timeout:
            self.end(held, failed(held.task, f"The Koji hub was away for {seconds / 3600:.1f} hours: {error}"))
        elif not is_hub and seconds > REGISTRY_PATIENCE:
            self.end(held, Interrupted(str(error)))
        held.not_before = now + self.settings.koji_poll_interval


class _Inline(Executor):
    """Does everything at once."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 # whoever asks for the result gets it
            future.set_exception(error)
        return future


class _Checked:
    """A hub for somebody who must be allowed each call (`mbs.koji.session.Hub`)."""

    def __init__(self, hub: Hub, check: Callable[[], None]) -> None:
        self._hub, self._check = hub, check

    def call(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        self._check()
        return self._hub.call(method, *args, **kwargs)

    def call_once(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        self._check()
        return self._hub.call_once(method, *args, **kwargs)

    def multicall(self, calls: Iterable[Call]) -> list[KojiValue]:
        self._check()
        return self._hub.multicall(calls)

    def multicall_once(self, calls: Sequence[Call]) -> list[KojiValue]:
        self._check()
        return self._hub.multicall_once(calls)

    def upload(self, path: Path, directory: str) -> str:
        self._check()
        return self._hub.upload(path, directory)


def _traceback(error: Exception) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
