"""What waiting costs: one look at builds of which every child runs, in seconds of CPU, client and hub together.

The ratio is to a look that remembers nothing of the one before, at the same builds of the same hub.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from devhub import lookup, tasks
from devhub.init import open_hub
from devhub.settings import Settings, read_seed
from mbs.koji.session import HubAccount, HubSession
from mbs.koji.snapshot import TaskKey, Watch, poll
from tools.bench.devhub import cpu_of
from tools.bench.figures import Figure
from tools.devhub import serving

BUILDS = (50, 500, 5000)
ARCHES = ("x86_64", "aarch64")
LOOKS = 10
TARGET = 0.1
"""Seconds that a look at the most builds may cost."""
WHOLE = "a look without a memory"

_BEGUN = (
    "UPDATE tasks SET state = 1, start_time = :now - id % 3600 WHERE id >= :first AND state = 0",
    "UPDATE tasks SET completion_time = :now - 3600 - id % 3600 WHERE id >= :first AND state = 2",
    "UPDATE tasks SET create_time = :now - 7200, awaited = (parent IS NOT NULL) WHERE id >= :first",
)
"""What was begun within the last hour and waits since, its sources packed in the hour before."""


def run() -> Iterator[Figure]:
    """Measure looks at more and more builds; each first look, which sees everything, is not counted."""
    with tempfile.TemporaryDirectory() as state, serving(Path(state), "--builders", "0") as served:
        account = HubAccount(served.url, authentication="password", user="mbs", password="mbs")  # noqa: S106 # the embedded hub's own
        with HubSession(account) as hub:
            builds: list[int] = []
            for count in BUILDS:
                builds += _begin(Path(state), count - len(builds))
                look = partial(_look, Watch(), hub, builds)
                look()
                again = _cost(served.process.pid, look)
                whole = _cost(served.process.pid, partial(poll, hub, [*map(TaskKey, builds)]))
                goal, held = (f"< {TARGET} s", again < TARGET) if count == max(BUILDS) else (None, None)
                yield Figure(f"one look at {count:,} builds", again, "s", again / whole, WHOLE, goal, held)


def _look(watch: Watch, hub: HubSession, builds: Iterable[int]) -> None:
    """Look once, as one who holds the builds' tasks."""
    watch.changes(hub, set(map(TaskKey, builds)))


def _cost(pid: int, work: Callable[[], object]) -> float:
    """Give the CPU seconds of one look, of this process and of the hub's."""
    before = time.process_time() + cpu_of(pid)
    for _ in range(LOOKS):
        work()
    return (time.process_time() + cpu_of(pid) - before) / LOOKS


def _begin(state: Path, count: int) -> list[int]:
    """Put builds into the hub's database whose source is packed and whose arches run; gives their tasks."""
    database = open_hub(Settings(state=state, seed=read_seed()))
    with database.transaction() as connection:
        owner = lookup.user(connection, "mbs")["id"]
        make = partial(tasks.create, connection, owner=owner)
        builds = [make("build", [f"git://h/x#{number}", "bench", {}]) for number in range(count)]
        for build in builds:
            source = make("buildSRPMFromSCM", ["git://h/x", 1, {}], parent=build, label="srpm")
            for arch in ARCHES:
                make("buildArch", ["x.src.rpm", 1, arch, True, {}], parent=build, label=arch, arch=arch)
            tasks.close(connection, source, {"srpm": "x.src.rpm"})
        begun = {"now": time.time(), "first": builds[0]}
        for statement in _BEGUN:
            connection.execute(statement, begun)
    return builds
