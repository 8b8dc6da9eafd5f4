"""Answers that are kept for a short while, and never too many of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Keeps what was answered, each until its time; the oldest goes where there are too many. Threads may share it."""

    def __init__(self, clock: Callable[[], float], most: int = 1000) -> None:
        """Take a clock, in seconds, and how many are kept."""
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Give what is kept; None where nothing is, or no longer."""
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
            if value is not None and self._clock() < until:
                return value
            self._kept.pop(key, None)
            return None

    def keep(self, key: K, value: V, until: float) -> None:
        """Keep an answer until a time of the clock."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (until, value)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
