from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import koji
import pytest

from devhub.server import Server


@dataclass
class RunningHub:
    """A devhub in a process of its own, without builders."""

    process: subprocess.Popen[str]
    url: str
    state: Path

    def login(self, user: str = "mbs", **options: object) -> koji.ClientSession:
        given = {"user": user, "password": user, "max_retries": 3, "retry_interval": 0.1, **options}
        session = koji.ClientSession(self.url, given)
        session.login()
        return session

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def run_in_thread(server: Server) -> Iterator[str]:
    """Serve in this process, so that a test may change the hub's own limits, and give its URL."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.close()
        thread.join()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., RunningHub]]:
    """Give a function that starts a devhub on a state directory."""
    started: list[subprocess.Popen[str]] = []

    def start(state: Path, *arguments: str) -> RunningHub:
        command = [sys.executable, "-m", "devhub.cli", "serve", "--state", str(state), "--port", "0", "--builders", "0"]
        process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return RunningHub(process, process.stdout.readline().split(": ", 1)[1].strip(), state)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def hub(serve: Callable[..., RunningHub], tmp_path_factory: pytest.TempPathFactory) -> RunningHub:
    """A devhub that the tests of a module share; each makes its own tags."""
    return serve(tmp_path_factory.mktemp("hub") / "state")
