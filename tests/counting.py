"""A session of a real hub that counts what it is asked, as many threads use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from mbs.koji.session import BATCH, IMPATIENT, Call, HubAccount, HubSession


class Counted(HubSession):
    """Counts its calls by method, and its requests; it tries everything once."""

    def __init__(self, account: HubAccount) -> None:
        super().__init__(account, delays=IMPATIENT)
        self.calls: Counter[str] = Counter()
        self.requests = 0

    def call(self, method: str, *args: object, **kwargs: object) -> Any:
        self._count([method])
        return super().call(method, *args, **kwargs)

    def multicall(self, calls: Iterable[Call]) -> list[Any]:
        made = list(calls)
        self._count([one.method for one in made])
        return super().multicall(made)

    def multicall_once(self, calls: Sequence[Call]) -> list[Any]:
        self._count([one.method for one in calls])
        return super().multicall_once(calls)

    def upload(self, path: Path, directory: str) -> str:
        self.requests += 1
        return super().upload(path, directory)

    def forget_counts(self) -> None:
        """Begin to count anew."""
        self.calls.clear()
        self.requests = 0

    def _count(self, methods: Collection[str]) -> None:
        self.calls.update(methods)
        self.requests += ceil(len(methods) / BATCH)
