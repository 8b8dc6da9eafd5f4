"""How fast devhub answers: plain calls, multicalls, with an empty and with a full database; and its memory.

Client and server share the machine. The ratio is to what the same client gets, call by call, from a server of the same
kind (waitress) that does nothing but send a fixed answer.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import koji
import waitress
from koji import xmlrpcplus

from devhub import builds, listing, lookup, packages, tags, tasks
from devhub.init import open_hub
from devhub.settings import Settings, read_seed
from tools.bench.figures import Figure
from tools.devhub import serving

TASKS, TAGS, BATCH = 5000, 500, 500
CLIENTS = 2
"""Processes that call at once: a single one leaves the hub idle while it reads its answer."""
ECHO = "a waitress that sends a fixed answer"


def run(seconds: float = 3.0) -> list[Figure]:
    """Measure a devhub of its own, in a process of its own, over HTTP."""
    echo = _echo_rate(seconds)
    with tempfile.TemporaryDirectory() as state, serving(Path(state), "--builders", "0") as hub:
        session, process = hub.login(), hub.process
        task_id, tag = _first(session)
        plain, plain_cpu = _rates(process.pid, seconds, lambda: session.getTaskInfo(task_id))
        one, one_cpu = _rates(process.pid, seconds, lambda: _multicall(session, task_id), per_round=BATCH)
        two = _rate_of_clients(hub.url, task_id, seconds)
        empty = _latencies(session, task_id, tag, seconds)
        _fill(Path(state))
        full = _latencies(session, task_id, tag, seconds)
        writes = _rate(seconds, lambda: session.build("git://h/x#1", "nosuch"))
        memory = _memory(process.pid)
    speed = [
        _at_least("plain calls", plain, 400, echo),
        Figure("plain writing calls", writes, "calls/s", writes / echo, ECHO),
        Figure("calls in multicalls, one client", one, "calls/s", one / echo, ECHO),
        _at_least(f"calls in multicalls, {CLIENTS} clients", two, 4000, echo),
        Figure("plain calls per second of the server's CPU", plain_cpu, "calls/s"),
        Figure("calls in multicalls per second of the server's CPU", one_cpu, "calls/s"),
    ]
    slower = [_slower(name, empty[name], full[name]) for name in empty]
    return [*speed, *slower, Figure("memory (RSS)", memory, "MB", target="< 200 MB", held=memory < 200)]


def _at_least(name: str, rate: float, wanted: int, echo: float) -> Figure:
    return Figure(name, rate, "calls/s", rate / echo, ECHO, f">= {wanted}", rate >= wanted)


def _slower(name: str, empty: float, full: float) -> Figure:
    label = f"{name} with {TASKS} tasks, {TAGS} tags"
    return Figure(label, full, "ms", full / empty, "the empty hub", "<= 1.5 x", full <= 1.5 * empty)


def _echo_rate(seconds: float) -> float:
    """Measure the same client against a server that answers every call the same: what HTTP and the client take."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.get_context("fork").Process(target=_serve_echo, args=(listener,), daemon=True)
        server.start()
        session = koji.ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}/kojihub")
        try:
            return _rate(seconds, lambda: session.getTaskInfo(1))
        finally:
            server.kill()
            server.join()


def _serve_echo(listener: socket.socket) -> None:
    body = str(xmlrpcplus.dumps(({"id": 1, "state": 2, "method": "build"},), methodresponse=True)).encode()
    headers = [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))]

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", headers)
        return [body]

    waitress.serve(answer, sockets=[listener], threads=8, _quiet=True)


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


def _rates(pid: int, seconds: float, call: Callable[[], object], per_round: int = 1) -> tuple[float, float]:
    """Give calls per second, and per second of a process's CPU, which says the same on a busy machine."""
    start, before = time.perf_counter(), cpu_of(pid)
    rate = _rate(seconds, call, per_round)
    return rate, rate * (time.perf_counter() - start) / (cpu_of(pid) - before)


def _rate_of_clients(url: str, task_id: int, seconds: float) -> float:
    """Give the calls per second of all clients together."""
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as clients:
        return sum(clients.starmap(_rate_of_client, [(url, task_id, seconds)] * CLIENTS))


def _rate_of_client(url: str, task_id: int, seconds: float) -> float:
    session = koji.ClientSession(url, {"user": "mbs", "password": "mbs"})
    session.login()
    return _rate(seconds, lambda: _multicall(session, task_id), per_round=BATCH)


def cpu_of(pid: int) -> float:
    """Give the seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
