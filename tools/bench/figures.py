"""What a measurement gives: a value with its unit, what it is compared to, and the target if there is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Machines are noisy, so a figure says what else was measured in the same run: `ratio` is the value over
    `baseline`, which `against` names. `target` is a bound in words, e.g. `< 2 s`; `held` whether it was kept.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
    target: str | None = None
    held: bool | None = None

    def cells(self) -> tuple[str, str, str, str]:
        """Give the cells of a table row: name, value, ratio, target."""
        ratio = f"{self.ratio:.2f} x {self.against}" if self.ratio is not None else ""
        verdict = {True: " (held)", False: " (MISSED)", None: ""}[self.held]
        return self.name, f"{self.value:,.4g} {self.unit}", ratio, f"{self.target or ''}{verdict}"


def seconds(work: Callable[[], object], *, repeat: int = 3) -> float:
    """Give the best wall time of `repeat` runs, in seconds."""
    return min(_once(work) for _ in range(repeat))


def _once(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def loop_seconds() -> float:
    """Time a fixed loop of one million additions: the speed of this machine right now."""
    return seconds(lambda: sum(range(1_000_000)))


def peak_memory() -> int:
    """Give the peak resident memory of this process, in bytes."""
    # Not getrusage: its figure begins with that of the process this one was started by.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024


def resident_memory(pid: int | str = "self") -> int:
    """Give the resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024
