"""How fast devhub answers: plain calls, multicalls, with an empty and with a full database; and its memory.

python -m tools.bench.devhub [--seconds 3]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import koji

from devhub import builds, listing, lookup, packages, tags, tasks
from devhub.init import open_hub
from devhub.settings import Settings, read_seed

TASKS, TAGS, BATCH = 5000, 500, 500


@dataclass(frozen=True)
class Figure:
    """One measurement, with what was promised (`at_least`, or a most if negative)."""

    name: str
    value: float
    unit: str
    goal: str


def run(seconds: float = 3.0) -> list[Figure]:
    """Measure a devhub of its own, in a process of its own, over HTTP."""
    with tempfile.TemporaryDirectory() as state, _hub(Path(state)) as (url, process):
        session = koji.ClientSession(url, {"user": "mbs", "password": "mbs"})
        session.login()
        task_id, tag = _first(session)
        plain = _rate(seconds, lambda: session.getTaskInfo(task_id))
        many = _rate(seconds, lambda: _multicall(session, task_id), per_round=BATCH)
        empty = _latencies(session, task_id, tag, seconds)
        _fill(Path(state))
        full = _latencies(session, task_id, tag, seconds)
        writes = _rate(seconds, lambda: session.build("git://h/x#1", "nosuch"))
        figures = [
            Figure("plain calls", plain, "calls/s", ">= 400"),
            Figure("plain writing calls", writes, "calls/s", "(none)"),
            Figure("calls in multicalls", many, "calls/s", ">= 4000"),
        ]
        for name in empty:
            slower = 100 * (full[name] / empty[name] - 1)
            figures.append(Figure(f"{name} with {TASKS} tasks, {TAGS} tags: slower by", slower, "%", "<= 50"))
        return [*figures, Figure("memory (RSS)", _memory(process.pid), "MB", "< 200")]


@contextmanager
def _hub(state: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "devhub.cli", "serve", "--state", str(state), "--port", "0", "--builders", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield line.split(": ", 1)[1].strip(), process
    finally:
        process.terminate()
        process.wait()


def _first(session: koji.ClientSession) -> tuple[int, str]:
    session.createTag("bench")
    for number in range(20):
        session.packageListAdd("bench", f"package{number}", "mbs")
    return session.build("git://h/x#1", "bench"), "bench"


def _rate(seconds: float, call: Callable[[], object], per_round: int = 1) -> float:
    start, rounds = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        call()
        rounds += 1
    return rounds * per_round / (time.perf_counter() - start)


def _multicall(session: koji.ClientSession, task_id: int) -> None:
    with session.multicall(strict=True, batch=BATCH) as calls:
        for _ in range(BATCH):
            calls.getTaskInfo(task_id)


def _latencies(session: koji.ClientSession, task_id: int, tag: str, seconds: float) -> dict[str, float]:
    """Give milliseconds per call."""
    wanted: dict[str, Callable[[], object]] = {
        "getTaskInfo": lambda: session.getTaskInfo(task_id),
        "listTagged": lambda: session.listTagged(tag, inherit=True, latest=True),
    }
    return {name: 1000 / _rate(seconds / 2, call) for name, call in wanted.items()}


def _fill(state: Path) -> None:
    """Put tasks, tags and builds into the database behind the running hub's back."""
    database = open_hub(Settings(state=state, seed=read_seed()))
    with database.transaction() as connection:
        owner = lookup.user(connection, "mbs")["id"]
        ids = [tasks.create(connection, "build", [f"git://h/x#{n}", "bench", {}], owner=owner) for n in range(TASKS)]
        for number in range(TAGS):
            tag_id = tags.create(connection, f"module-{number}")
            packages.add(connection, tag_id, f"package{number % 20}", owner)
            name = f"package{number % 20}"
            new = builds.NewBuild(name, "1", str(number), owner, task_id=ids[number], state=builds.COMPLETE)
            tag = tags.must_find(connection, tag_id)
            listing.tag_build(connection, tag, builds.begin(connection, new), owner)


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@click.command()
@click.option("--seconds", default=3.0, show_default=True, help="How long each measurement runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(seconds: float, as_json: bool) -> None:
    """Print the figures."""
    figures = run(seconds)
    if as_json:
        click.echo(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    for figure in figures:
        click.echo(f"{figure.name:<55} {figure.value:>10.1f} {figure.unit:<8} goal {figure.goal}")


if __name__ == "__main__":
    main()
