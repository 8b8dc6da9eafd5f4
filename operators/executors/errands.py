"""Requests that are made again until they are answered, a few at a time, away from the thread that needs the answer."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from operators.executors.execution_api import ApiRefused, ApiUnavailable

T = TypeVar("T")

THREADS = 4
FIRST_PAUSE = 0.5
"""Seconds before a request is made again; each further pause is twice as long."""
LONGEST_PAUSE = 5.0
"""Seconds: so long after an API server is back everything is told."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Errand(Generic[T]):
    """What to ask for, and what to do with the answer."""

    what: str
    """For a log."""
    work: Callable[[], T]
    then: Callable[[T], None]
    refused: Callable[[ApiRefused], None]
    wanted: Callable[[], bool]
    """Whether it is still to be done."""


class Errands:
    """Does errands in threads of its own; what follows is handed to `done`, to be called where the answer is needed."""

    def __init__(self, may_act: Callable[[], bool], done: Callable[[Callable[[], None]], None]) -> None:
        """Take who says whether anything may be asked for now, and who calls what follows."""
        self._may_act = may_act
        self._done = done
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="errand")
        self._waiting: deque[Errand[object]] = deque()
        self._pause = FIRST_PAUSE
        self._not_before = 0.0

    def add(self, errand: Errand[T]) -> None:
        """Have something asked for."""
        self._waiting.append(errand)  # type: ignore[arg-type] # what follows takes what this work gives

    @property
    def due(self) -> float:
        """Seconds until there is something to do."""
        return max(0.0, self._not_before - time.monotonic()) if self._waiting else float("inf")

    def go(self) -> None:
        """Begin what waits, unless it is too early."""
        if self._waiting and time.monotonic() >= self._not_before:
            if not self._may_act():
                self._not_before = time.monotonic() + FIRST_PAUSE
                return
            errands = list(self._waiting)
            self._waiting.clear()
            for errand in errands:
                if errand.wanted():
                    self._pool.submit(self._do, errand)

    def _do(self, errand: Errand[object]) -> None:
        try:
            if not self._may_act():
                return self._done(partial(self._again, errand, None))
            answer = errand.work()
        except ApiUnavailable as error:
            self._done(partial(self._again, errand, error))
        except ApiRefused as refusal:
            self._done(partial(errand.refused, refusal))
        except Exception as defect:
            log.exception("%s failed, and is tried again.", errand.what)
            self._done(partial(self._again, errand, defect))
        else:
            self._done(partial(self._answered, errand, answer))

    def _answered(self, errand: Errand[object], answer: object) -> None:
        self._pause = FIRST_PAUSE
        errand.then(answer)

    def _again(self, errand: Errand[object], error: Exception | None) -> None:
        """Keep an errand for later; what fails together waits together."""
        if time.monotonic() >= self._not_before:
            if error is not None:
                log.warning("%s is tried again in %.1f s: %s", errand.what, self._pause, error)
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._waiting.append(errand)
