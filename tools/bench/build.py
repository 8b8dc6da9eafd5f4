"""Whole builds with everything real but the compiler: time over Koji's own, processor time, calls, transactions.

python -m tools.bench.build [--arches 4] SIZE ...

A module of so many components, for two arches where nothing else is said, in five batches is built on devhub's latency
model. Its clock runs at a fraction of the real one; the service's does not, so that what it adds weighs several times
what it does on a real hub. The seconds that it adds to a batch are the same at any scale. A hub that MBS_KOJI_HUB names
takes its own time, and does not tell how often it was called.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from devhub.examples import publish
from mbs.koji.faults import KojiValue
from mbs.model.plan import BuildPlan
from tools.bench.figures import Figure
from tools.bench.service import AIRFLOW, ARCHES, MORE_ARCHES, MeasuredStack, Spent, running
from tools.stack.client import FollowedBuild
from tools.stack.environment import forget_services
from tools.stack.layout import checkout

SIZES = (10, 40, 100)
BOUND = 100
"""Components of the module that has targets, for two arches."""
BATCHES = 5
LATENCY = "srpm=fixed:20 build=fixed:60 repo=fixed:60"
TIME_SCALE = 0.25
LONGEST = 1200.0
"""Seconds after which a build is given up."""

WALL, WALL_AT_REAL_SPEED = 1.12, 1.03
"""Times Koji's own."""
CPU = 0.15
"""Seconds of Airflow's processes for a task."""
CALLS, REQUESTS, TRANSACTIONS = 13, 2, 3
"""For a component."""
SUBMITTED = 2.0
"""Seconds from a repository to the last submission behind it."""
LOOKS = ("getTaskInfo", "listTasks", "repo.checkRequest")
"""What is asked for everything that is waited for; it goes with the time a build takes."""

SPEC = """\
Name: {name}
Version: 1
Release: 1%{{?dist}}
Summary: A package of a measurement
License: MIT
%description
A package of a measurement.
%files
"""

MODULE = """\
document: modulemd
version: 2
data:
  name: {name}
  stream: "1"
  summary: A module of a measurement
  description: A module of a measurement
  license: {{module: [MIT]}}
  dependencies:
    - buildrequires: {{platform: [f40]}}
      requires: {{platform: [f40]}}
  components:
    rpms:
{components}"""


@dataclass(frozen=True, slots=True)
class Work:
    """A task of Koji's; times are seconds since the epoch."""

    created: float
    completed: float

    @property
    def seconds(self) -> float:
        """How long Koji took."""
        return self.completed - self.created


@dataclass(frozen=True, slots=True)
class Course:
    """What Koji did for a module build: the builds of each batch, the macros' first, and the repositories between."""

    batches: tuple[tuple[Work, ...], ...]
    repositories: tuple[Work, ...]

    @property
    def critical_path(self) -> float:
        """Seconds of the longest build of each batch and the repositories, one after the other."""
        longest = sum(max(work.seconds for work in batch) for batch in self.batches)
        return longest + sum(work.seconds for work in self.repositories)

    @property
    def to_repository(self) -> list[float]:
        """Seconds from the end of a batch's last build to the work on the repository with it."""
        pairs = zip(self.batches, self.repositories, strict=False)
        return [repository.created - max(work.completed for work in batch) for batch, repository in pairs]

    @property
    def to_last_submission(self) -> list[float]:
        """Seconds from a repository to the submission of the last component behind it."""
        pairs = zip(self.repositories, self.batches[1:], strict=True)
        return [max(work.created for work in batch) - repository.completed for repository, batch in pairs]


@dataclass(frozen=True, slots=True)
class Result:
    """One build: its size, its times in seconds, what it cost."""

    components: int
    arches: int
    tasks: int
    wall: float
    course: Course
    spent: Spent
    scale: float = TIME_SCALE
    """Seconds of this machine per second of Koji's."""


def run() -> Iterator[Figure]:
    """Build a module of each size."""
    for result in results(SIZES):
        yield from figures(result)


def results(sizes: Sequence[int], arches: Sequence[str] = ARCHES) -> Iterator[Result]:
    """Build a module of each size on one service."""
    options = ("--simulate", "--latency", LATENCY, "--time-scale", str(TIME_SCALE))
    most = -(-max(sizes) // BATCHES)
    with running(*options, "--builders", str(most + 1), arches=arches) as service:
        service.resize_pool(most * len(arches))
        for size in sizes:
            yield _build(service, size, len(arches))


def figures(result: Result) -> Iterable[Figure]:
    """Give the figures of one build."""
    course, path = result.course, result.course.critical_path
    figure = partial(_figure, result)
    yield figure("wall time", result.wall, "s", WALL, base=path, against=f"Koji's own {path:.0f} s")
    real = path / result.scale
    yield figure(
        "the same with Koji at its real speed, computed",
        real + result.wall - path,
        "s",
        WALL_AT_REAL_SPEED,
        base=real,
        against=f"{real:.0f} s",
    )
    yield figure("added to a batch", (result.wall - path) / (BATCHES + 1), "s")
    yield figure("last build to repository's start", _mean(course.to_repository), "s")
    yield figure("repository to last submission", _mean(course.to_last_submission), "s", SUBMITTED)
    yield from _costs(result, figure)


def _costs(result: Result, figure: Callable[..., Figure]) -> Iterable[Figure]:
    spent = result.spent
    airflow = sum(spent.cpu.get(name, 0.0) for name in AIRFLOW)
    yield figure(f"CPU of Airflow per task ({result.tasks} tasks)", airflow / result.tasks, "s", CPU)
    for name, seconds in spent.cpu.items():
        yield figure(f"CPU of {name} per task", seconds / result.tasks, "s")
    if spent.calls:
        looks = sum(spent.calls.get(name, 0) for name in LOOKS)
        calls = sum(spent.calls.values())
        yield figure("calls to the hub per component", calls / result.components, "calls", CALLS)
        yield figure("of these, looks at what is waited for", looks / result.components, "calls")
        yield figure("HTTP requests to the hub per component", spent.requests / result.components, "", REQUESTS)
    yield figure("registry transactions per component", spent.transactions / result.components, "", TRANSACTIONS)


def _figure(
    result: Result,
    name: str,
    value: float,
    unit: str,
    bound: float | None = None,
    *,
    base: float | None = None,
    against: str | None = None,
) -> Figure:
    """Name a figure of a build; it has a bound, of its ratio if it has one, where the module has the size for it."""
    ratio = value / base if base else None
    if bound is None or (result.components, result.arches) != (BOUND, len(ARCHES)):
        return Figure(f"{result.components} x {result.arches}: {name}", value, unit, ratio, against)
    target = f"< {bound:g} {'x' if ratio else unit}".rstrip()
    held = (ratio or value) < bound
    return Figure(f"{result.components} x {result.arches}: {name}", value, unit, ratio, against, target, held)


def _build(service: MeasuredStack, size: int, arches: int) -> Result:
    names = [f"measured-{size}-{number}" for number in range(size)]
    publish_packages(names, service.layout.examples)
    before = service.spent()
    build = service.submit({"modulemd": module(f"measured-{size}", names)})
    run = _ended(service, build)
    wall = (datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])).total_seconds()
    time.sleep(2)  # PostgreSQL's counts come a second late
    spent = service.spent().since(before)
    tasks = len(service.api.tasks(build.dag_id, build.run_id))
    scale = TIME_SCALE if service.layout.hub.own else 1
    return Result(size, arches, tasks, wall, course(service.hub, build.plan), spent, scale)


def _ended(service: MeasuredStack, build: FollowedBuild) -> dict[str, Any]:
    """Wait for the end of a build's run; look rarely, so that the looks weigh nothing."""
    run = service.api.wait(build.dag_id, build.run_id, LONGEST, interval=5)
    if run["state"] != "success":
        raise RuntimeError(f"{build.plan.nsvc} failed: {service.registry.builds.get(build.build_id).state_reason}")
    return run


def module(name: str, components: Sequence[str]) -> str:
    """Write a document, its components in batches of the same size."""
    lines = [
        f"      {each}: {{rationale: A measurement, ref: main, buildorder: {number * BATCHES // len(components)}}}\n"
        for number, each in enumerate(components)
    ]
    return MODULE.format(name=name, components="".join(lines))


def course(hub: KojiValue, plan: BuildPlan) -> Course:
    """Read from the hub what it did for a build."""
    batches = {component.name: component.batch for component in plan.components}
    made: dict[int, list[Work]] = {}
    for task in koji_tasks(hub, "build"):
        if task["request"][1] == plan.target:
            made.setdefault(batches.get(task["request"][2]["mbs_artifact_name"], 0), []).append(_work(task))
    macros_done = max(work.completed for work in made[min(made)])
    repositories = (_work(task) for task in koji_tasks(hub, "newRepo") if task["request"][0]["name"] == plan.build_tag)
    # The macros' own task waits for the first repository, which is part of its time.
    later = sorted((work for work in repositories if work.created > macros_done), key=lambda work: work.created)
    return Course(tuple(tuple(made[batch]) for batch in sorted(made)), tuple(later))


def koji_tasks(hub: KojiValue, method: str) -> list[dict[str, Any]]:
    """Give the tasks of a method, newest first, with their requests."""
    found: list[dict[str, Any]] = hub.listTasks({"method": method, "decode": True}, {"order": "-id", "limit": 100_000})
    return found


def _work(task: dict[str, Any]) -> Work:
    return Work(task["create_ts"], task["completion_ts"])


def publish_packages(names: Sequence[str], into: Path) -> None:
    """Make git repositories of packages that have nothing in them."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            directory = Path(scratch, "rpms", name)
            directory.mkdir(parents=True)
            (directory / f"{name}.spec").write_text(SPEC.format(name=name))
        publish(Path(scratch), into)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@click.command()
@click.argument("sizes", nargs=-1, type=click.IntRange(BATCHES))
@click.option("--arches", type=click.Choice(["2", "4"]), default="2", help="How many each component is built for.")
def main(sizes: tuple[int, ...], arches: str) -> None:
    """Build modules of SIZES components."""
    for result in results(sizes or SIZES, MORE_ARCHES if arches == "4" else ARCHES):
        for found in figures(result):
            click.echo("  ".join(found.cells()))


if __name__ == "__main__":
    forget_services(os.environ, checkout())
    main()
