"""Whole builds with everything real but the compiler: time over Koji's own, processor time, calls, transactions.

A module of so many components for two arches in five batches is built on devhub's latency model. Its clock runs
at a fraction of the real one; the service's does not, so that what it adds weighs several times what it does on a real
hub. The seconds that it adds to a batch are the same at any scale. A hub that MBS_KOJI_HUB names takes its own time,
and does not tell how often it was called.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from devhub.examples import publish
from mbs.koji.faults import KojiValue
from tools.bench.figures import Figure
from tools.bench.service import AIRFLOW, HUB, POSTGRES, MeasuredStack, Spent, running
from tools.stack.client import FollowedBuild

SIZES = (10, 100)
BATCHES = 5
ARCHES = ("aarch64", "x86_64")
LATENCY = "srpm=fixed:20 build=fixed:60 repo=fixed:60"
TIME_SCALE = 0.25
LONGEST = 1200.0
"""Seconds after which a build is given up."""

TARGET = 1.25
LOOKS = ("getTaskInfo", "getTaskChildren", "repo.checkRequest")
"""What the poller asks for everything that is waited for; it goes with the time a build takes."""

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
  name: measured-{size}
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


def results(sizes: Sequence[int]) -> Iterator[Result]:
    """Build a module of each size on one service."""
    options = ("--simulate", "--latency", LATENCY, "--time-scale", str(TIME_SCALE))
    most = -(-max(sizes) // BATCHES)
    with running(*options, "--builders", str(most + 1)) as service:
        service.resize_pool(most * len(ARCHES))
        for size in sizes:
            yield _build(service, size)


def figures(result: Result) -> Iterable[Figure]:
    """Give the figures of one build; only the largest has a target."""
    what, ratio = f"{result.components} components", result.wall / result.course.critical_path
    goal = result.components == max(SIZES)
    path = result.course.critical_path
    yield Figure(
        f"{what}: wall time",
        result.wall,
        "s",
        ratio,
        f"Koji's own {path:.0f} s",
        f"< {TARGET} x" if goal else None,
        ratio < TARGET if goal else None,
    )
    real = path / result.scale
    added = result.wall - path
    yield Figure(
        f"{what}: the same with Koji at its real speed, computed",
        real + added,
        "s",
        (real + added) / real,
        f"{real:.0f} s",
    )
    yield Figure(f"{what}: added to a batch", added / (BATCHES + 1), "s")
    yield Figure(f"{what}: last build to repository's start", _mean(result.course.to_repository), "s")
    yield Figure(f"{what}: repository to last submission", _mean(result.course.to_last_submission), "s")
    yield from _costs(what, result)


def _costs(what: str, result: Result) -> Iterable[Figure]:
    spent = result.spent
    airflow = sum(spent.cpu[name] for name in AIRFLOW)
    yield Figure(f"{what}: CPU of Airflow per task ({result.tasks} tasks)", airflow / result.tasks, "s")
    for name in (*AIRFLOW, POSTGRES, HUB):
        if name in spent.cpu:
            yield Figure(f"{what}: CPU of {name} per task", spent.cpu[name] / result.tasks, "s")
    if spent.calls:
        looks = sum(spent.calls.get(name, 0) for name in LOOKS)
        calls = sum(spent.calls.values())
        yield Figure(f"{what}: calls to the hub per component", calls / result.components, "calls")
        yield Figure(f"{what}: of these, looks at what is waited for", looks / result.components, "calls")
    yield Figure(f"{what}: registry transactions per component", spent.transactions / result.components, "")


def _build(service: MeasuredStack, size: int) -> Result:
    names = [f"measured-{size}-{number}" for number in range(size)]
    _publish(names, service.layout.examples)
    before = service.spent()
    build = service.submit({"modulemd": module(size, names)})
    run = _ended(service, build)
    wall = (datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])).total_seconds()
    time.sleep(2)  # PostgreSQL's counts come a second late
    spent = service.spent().since(before)
    tasks = len(service.api.tasks(build.dag_id, build.run_id))
    scale = TIME_SCALE if service.layout.hub.own else 1
    return Result(size, tasks, wall, course(service.hub, build), spent, scale)


def _ended(service: MeasuredStack, build: FollowedBuild) -> dict[str, Any]:
    """Wait for the end of a build's run; look rarely, so that the looks weigh nothing."""
    run = service.api.wait(build.dag_id, build.run_id, LONGEST, interval=5)
    if run["state"] != "success":
        raise RuntimeError(f"{build.plan.nsvc} failed: {service.registry.builds.get(build.build_id).state_reason}")
    return run


def module(size: int, names: Sequence[str]) -> str:
    """Write the document, its components in batches of the same size."""
    lines = [
        f"      {name}: {{rationale: A measurement, ref: main, buildorder: {number * BATCHES // size}}}\n"
        for number, name in enumerate(names)
    ]
    return MODULE.format(size=size, components="".join(lines))


def course(hub: KojiValue, build: FollowedBuild) -> Course:
    """Read from the hub what it did for a build."""
    batches = {component.name: component.batch for component in build.plan.components}
    made: dict[int, list[Work]] = {}
    for task in _tasks(hub, "build"):
        if task["request"][1] == build.plan.target:
            made.setdefault(batches.get(task["request"][2]["mbs_artifact_name"], 0), []).append(_work(task))
    macros_done = max(work.completed for work in made[min(made)])
    repositories = (
        _work(task) for task in _tasks(hub, "newRepo") if task["request"][0]["name"] == build.plan.build_tag
    )
    # The macros' own task waits for the first repository, which is part of its time.
    later = sorted((work for work in repositories if work.created > macros_done), key=lambda work: work.created)
    return Course(tuple(tuple(made[batch]) for batch in sorted(made)), tuple(later))


def _tasks(hub: KojiValue, method: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.listTasks({"method": method, "decode": True}, {"order": "-id", "limit": 10_000})
    return found


def _work(task: dict[str, Any]) -> Work:
    return Work(task["create_ts"], task["completion_ts"])


def _publish(names: Sequence[str], into: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            directory = Path(scratch, "rpms", name)
            directory.mkdir(parents=True)
            (directory / f"{name}.spec").write_text(SPEC.format(name=name))
        publish(Path(scratch), into)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    for found in run():
        print("  ".join(found.cells()))
