"""A devhub in a process of its own, on a free port, for tests and measurements.

with serving(state, "--builders", "2") as hub:
hub.login().listTags()
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import koji


@dataclass(frozen=True, slots=True)
class RunningDevhub:
    """A devhub that answers."""

    url: str
    """With its path, http://.../kojihub."""
    hint: str
    """What it says of how it is used."""
    state: Path
    process: subprocess.Popen[str]

    def login(self, user: str = "mbs", **options: object) -> koji.ClientSession:
        """Log in as one of devhub's users, whose passwords are their names; `options` are those of Koji's client."""
        given = {"user": user, "password": user, "max_retries": 3, "retry_interval": 0.1, **options}
        session = koji.ClientSession(self.url, given)
        session.login()
        return session

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(state: Path, *options: str) -> Iterator[RunningDevhub]:
    """Run `devhub serve` with its state in a directory; it ends with the block.

    mirakuru could start and end it too, but not tell the port that it has taken.
    """
    command = [sys.executable, "-m", "devhub.cli", "serve", "--state", str(state), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or not (first := process.stdout.readline()):
                raise RuntimeError("devhub did not start")
            yield RunningDevhub(first.partition(": ")[2].strip(), process.stdout.readline(), state, process)
        finally:
            process.terminate()
