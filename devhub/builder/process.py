"""Run one external program with its output in a log, killable with everything that it started."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Programs of the host that a build may use; a user's own PATH would make builds differ from machine to machine.
HOST_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

_PATIENCE = 0.2  # seconds between two looks at the cancellation flag


class Canceled(Exception):
    """The task behind a running program was canceled or the daemon is going down."""


class TimedOut(Exception):
    """A program ran longer than it was allowed to."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How programs are run for one task: where they log, how long they may take (seconds), what stops them."""

    log: Path
    timeout: float = 3600.0
    canceled: threading.Event = field(default_factory=threading.Event)

    def run(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> int:
        """Run `argv` to its end and answer its exit code; the log grows while it runs.

        Raises `Canceled` or `TimedOut` after the whole process group was killed.
        """
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                return self._wait(process, argv[0])
            finally:
                _kill_group(process)

    def _wait(self, process: "subprocess.Popen[bytes]", name: str) -> int:
        waited = 0.0
        while waited < self.timeout:
            try:
                return process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                waited += _PATIENCE
            if self.canceled.is_set():
                raise Canceled
        raise TimedOut(f"{name} took longer than {self.timeout:.0f} seconds")


def host_environment(home: Path) -> dict[str, str]:
    """Environment that holds nothing of the user who runs devhub."""
    return {"PATH": HOST_PATH, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "TZ": "UTC"}


def output_of(argv: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Standard output of a short program that must succeed (an `OSError` or `CalledProcessError` otherwise)."""
    done = subprocess.run(list(argv), env=env, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def kill_orphans(directory: Path) -> None:
    """Kill processes whose HOME is below a directory: what a killed daemon's builds left running (Linux only)."""
    home = f"HOME={directory}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(entry.startswith(home) for entry in (process / "environ").read_bytes().split(b"\0")):
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:  # it ended meanwhile, or is another user's
            continue


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of the group; a finished leader may have left children behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
