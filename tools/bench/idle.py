"""What a service costs while nothing happens: processor time and memory of each of its processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mean

import psutil

from tools.bench.figures import Figure
from tools.bench.service import running, seconds_of
from tools.stack import processes, supervisor
from tools.stack.layout import Layout

SETTLES = 40.0
"""Seconds after the first import: by then all files are parsed, and what is done once after a start is done."""
SECONDS = 60.0
"""How long nothing happens; every timer of Airflow's that weighs something is shorter."""

EVERY = 2.0
"""Seconds between two loops that tell how fast the machine is meanwhile."""

TARGET = 2.3
"""Loops per second that all processes together may cost: 40 ms where a loop takes 17, as it does when it is quiet."""
WATCH = "supervisord"
"""What is no program of supervisord's: itself, and its keeper."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes hold, in bytes."""

    resident: int
    """RSS: what several share is counted for each."""
    proportional: int
    """PSS: what several share is divided between them."""


def run() -> Iterator[Figure]:
    """Leave a service alone for a minute."""
    with running() as service:
        time.sleep(SETTLES)
        before, start = spent(service.layout), time.monotonic()
        loop = mean(paced(loop_cpu, SECONDS, EVERY))
        after, seconds = spent(service.layout), time.monotonic() - start
        held = memory(service.layout)
    yield from figures({name: (after[name] - before[name]) / seconds for name in after}, held, loop)


def figures(cpu: Mapping[str, float], held: Mapping[str, Memory], loop: float) -> Iterator[Figure]:
    """Give sums and parts; `cpu` is processor time per second of wall time, `loop` that of a loop meanwhile."""
    total = sum(cpu.values())
    against, ratio = "a loop of a million additions", total / loop
    yield Figure("CPU per second", 1000 * total, "ms", ratio, against, f"< {TARGET} x", ratio < TARGET)
    for name, share in cpu.items():
        yield Figure(f"CPU per second: {name}", 1000 * share, "ms")
    yield Figure("memory, RSS summed", sum(each.resident for each in held.values()) / 1e6, "MB")
    yield Figure("memory, PSS summed", sum(each.proportional for each in held.values()) / 1e6, "MB")
    for name, each in held.items():
        yield Figure(f"RSS: {name}", each.resident / 1e6, "MB")
        yield Figure(f"PSS: {name}", each.proportional / 1e6, "MB")


def loop_cpu() -> float:
    """Give the processor time of a fixed loop: on a machine that has other work, everything takes more."""
    start = time.process_time()
    sum(range(1_000_000))
    return time.process_time() - start


def paced(measure: Callable[[], float], seconds: float, pause: float) -> Iterator[float]:
    """Measure again and again for so long, with pauses."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield measure()
        time.sleep(pause)


def spent(layout: Layout) -> dict[str, float]:
    """Give the seconds of processor time that each part has used since it was started."""
    return {name: sum(map(seconds_of, members)) for name, members in parts(layout).items()}


def memory(layout: Layout) -> dict[str, Memory]:
    """Give what each part holds."""
    return {name: _memory(members) for name, members in parts(layout).items()}


def parts(layout: Layout) -> dict[str, list[psutil.Process]]:
    """Give all processes of a stack by the program that they belong to."""
    programs = supervisor.programs(layout)
    found = {name: processes.with_descendants(psutil.Process(each.pid)) for name, each in programs.items()}
    known = {process for members in found.values() for process in members}
    return found | {WATCH: [process for process in supervisor.leftovers(layout) if process not in known]}


def _memory(members: list[psutil.Process]) -> Memory:
    infos = [process.memory_full_info() for process in members]
    return Memory(sum(info.rss for info in infos), sum(info.pss for info in infos))
