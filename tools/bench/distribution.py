"""Many modules at once: whether all end, in what time of what their pool needs, and what the service holds meanwhile.

python -m tools.bench.distribution --modules 100 --components 100 --arches 4 --pool 400

No part of `make bench`: on two cores devhub's builders alone need hours for that. It is submitted whole, module after
module, while what came before builds; each module has its components in five batches.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import click
import psutil

from mbs.koji.faults import KojiValue
from mbs.model.states import ModuleState
from tools.bench.build import LATENCY, course, koji_tasks, module, publish_packages
from tools.bench.figures import Figure
from tools.bench.idle import parts
from tools.bench.service import ARCHES, MORE_ARCHES, MeasuredStack, running
from tools.stack.environment import forget_services
from tools.stack.layout import Layout, checkout

LOOP = re.compile(r"Ran scheduling loop in ([0-9.]+) ms")
SCHEDULER = "airflow.jobs.scheduler_job_runner.SchedulerJobRunner"
"""Who says so."""
LONGEST_LOOP = 5.0
ALL = timedelta(days=1)
INTERVAL = 5.0
"""Seconds between two looks at registry and memory."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is submitted, and to what."""

    modules: int
    components: int
    arches: int
    pool: int
    scale: float
    """Seconds of this machine per second of Koji's."""
    seconds: float
    """After these it is given up."""


@dataclass(frozen=True, slots=True)
class Build:
    """A `build` task of Koji's."""

    target: str
    component: str
    seconds: float


@dataclass(slots=True)
class Seen:
    """What was seen of the service while it ran; times are seconds, memory is bytes."""

    wall: float = 0.0
    """From the first submission to the last end."""
    submitted: float = 0.0
    """From the first submission until the last was planned."""
    ready: int = 0
    failed: int = 0
    largest: dict[str, int] = field(default_factory=dict)
    """The most that one process of each program held (RSS)."""
    loops: list[float] = field(default_factory=list)
    """Of the scheduler."""
    cpu: Mapping[str, float] = field(default_factory=dict)
    """Of each program, its descendants included."""


def run(load: Load) -> Iterator[Figure]:
    """Submit modules and follow them until all have ended, or the time is over."""
    options = ("--simulate", "--latency", LATENCY, "--time-scale", str(load.scale), "--builders", str(load.pool))
    arches = MORE_ARCHES if load.arches == len(MORE_ARCHES) else ARCHES
    with running(*options, arches=arches, loggers={SCHEDULER: "DEBUG"}) as service:
        service.resize_pool(load.pool)
        seen = follow(service, load)
        yield from figures(load, seen, builds(service.hub), critical_path(service))


def follow(service: MeasuredStack, load: Load) -> Seen:
    """Submit all modules, and look at them until they have ended."""
    names = [f"package-{number}" for number in range(load.components)]
    publish_packages(names, service.layout.examples)
    seen, begun, others = Seen(), time.monotonic(), sum(service.registry.builds.count_by_state().values())
    before = service.spent()
    for number in range(load.modules):
        service.api.trigger("submit_module", {"modulemd": module(f"module-{number}", names)})
    while seen.ready + seen.failed < load.modules and seen.wall < load.seconds:
        time.sleep(INTERVAL)
        counts = service.registry.builds.count_by_state()
        seen.wall = time.monotonic() - begun
        seen.ready = counts.get(ModuleState.READY, 0) - others
        seen.failed = counts.get(ModuleState.FAILED, 0)
        if not seen.submitted and sum(counts.values()) - others == load.modules:
            seen.submitted = seen.wall
        note_memory(service.layout, seen.largest)
        click.echo(f"{seen.wall:.0f} s: " + ", ".join(f"{count} {state.name}" for state, count in counts.items()))
    seen.cpu = service.spent().since(before).cpu
    seen.loops = loops(service.layout)
    return seen


def note_memory(layout: Layout, largest: dict[str, int]) -> None:
    """Note for each program the most that a process of it holds, if it is more than before."""
    for name, members in parts(layout).items():
        for process in members:
            with suppress(psutil.NoSuchProcess):
                largest[name] = max(largest.get(name, 0), process.memory_info().rss)


def loops(layout: Layout) -> list[float]:
    """Give the seconds of the scheduler's loops, from its log."""
    text = "".join(file.read_text(errors="replace") for file in layout.logs.glob("scheduler.log*"))
    return [float(found) / 1000 for found in LOOP.findall(text)]


def builds(hub: KojiValue) -> list[Build]:
    """Give what Koji built."""
    return [
        Build(task["request"][1], task["request"][2]["mbs_artifact_name"], task["completion_ts"] - task["create_ts"])
        for task in koji_tasks(hub, "build")
        if task["completion_ts"]
    ]


def critical_path(service: MeasuredStack) -> float:
    """Give the seconds that Koji needs for the module that was ready last, if it builds nothing else."""
    newest = max(service.registry.builds.unfinished(finished_within=ALL), key=lambda build: build.build_id)
    return course(service.hub, service.registry.documents.plan(newest.build_id)).critical_path


def figures(load: Load, seen: Seen, built: Sequence[Build], path: float) -> Iterator[Figure]:
    """Give what was seen, with the bounds of the whole load."""
    what = f"{load.modules} x {load.components} x {load.arches}, pool of {load.pool}, time scale {load.scale:g}"
    times = Counter((build.target, build.component) for build in built)
    held = seen.ready == load.modules
    yield Figure(f"{what}: ready", seen.ready, "modules", target=f"{load.modules}", held=held)
    twice = sum(count - 1 for count in times.values())
    yield Figure("built twice", twice, "components", target="0", held=not twice)
    pool = sum(build.seconds for build in built) * load.arches / load.pool
    bound = max(pool, path)
    yield Figure(
        "wall time",
        seen.wall,
        "s",
        seen.wall / bound,
        f"what the pool needs ({pool:.0f} s), or one module ({path:.0f} s)",
    )
    yield Figure("until the last was planned", seen.submitted, "s")
    longest = max(seen.loops, default=0.0)
    yield Figure(
        "longest loop of the scheduler", longest, "s", target=f"< {LONGEST_LOOP:g} s", held=longest < LONGEST_LOOP
    )
    yield Figure("loops of the scheduler", len(seen.loops), "")
    tasks = load.modules * load.components * load.arches
    for name, spent in seen.cpu.items():
        yield Figure(f"CPU of {name} per build of a component for an arch", 1000 * spent / tasks, "ms")
    for name, most in seen.largest.items():
        yield Figure(f"largest process: {name}", most / 1e6, "MB", target="< 1000 MB", held=most < 1e9)


@click.command()
@click.option("--modules", default=10, show_default=True)
@click.option("--components", default=20, show_default=True, help="Of each module.")
@click.option("--arches", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--pool", default=40, show_default=True, help="Arch builds that Koji has at a time.")
@click.option("--scale", default=0.25, show_default=True, help="Seconds of this machine per second of Koji's.")
@click.option("--seconds", default=3600, show_default=True, help="After these it is given up.")
def main(modules: int, components: int, arches: str, pool: int, scale: float, seconds: int) -> None:
    """Build many modules at once."""
    for found in run(Load(modules, components, int(arches), pool, scale, seconds)):
        click.echo("  ".join(found.cells()))


if __name__ == "__main__":
    forget_services(os.environ, checkout())
    main()
