from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from devhub.server import Server
from tools.devhub import RunningDevhub, serving


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


class Serve(Protocol):
    """Starts a devhub without builders on a state directory."""

    def __call__(self, state: Path, *options: str) -> RunningDevhub: ...


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Give a function that starts a devhub; all of them end with the tests of the module."""
    with ExitStack() as started:

        def start(state: Path, *options: str) -> RunningDevhub:
            return started.enter_context(serving(state, "--builders", "0", *options))

        yield start


@pytest.fixture(scope="module")
def hub(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> RunningDevhub:
    """A devhub that the tests of a module share; each makes its own tags."""
    return serve(tmp_path_factory.mktemp("hub") / "state")
