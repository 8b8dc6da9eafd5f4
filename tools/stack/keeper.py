"""`python -m tools.stack.keeper CONFIGURATION`: the parent of supervisord, which starts it anew where it was killed.

It stands for the init system, which supervisord counts on and a laptop's user cannot. What a killed supervisord leaves
behind becomes a child of this process and is ended first: ports and data directories must be free for those that come
next.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import FrameType

import psutil

from tools.stack import processes

FINAL = frozenset({0, 2})
"""Exit codes of a supervisord that was asked to end, and of one that cannot read its configuration."""

PAUSE_SECONDS = 1.0
"""Between a supervisord that died and the next: one that always dies must not keep the machine busy."""


def main(configuration: str) -> None:
    """Run supervisord until it ends by itself, asked to by its socket or by a signal to this process."""
    processes.adopt_orphans()
    while _supervise(configuration) not in FINAL:
        _end_children()
        time.sleep(PAUSE_SECONDS)
    _end_children()


def _supervise(configuration: str) -> int:
    """Run supervisord to its end and give its exit code, the negative number of the signal that killed it."""
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", configuration]
    supervisor = subprocess.Popen(command, preexec_fn=processes.adopt_orphans)  # noqa: PLW1509 - there are no threads

    def pass_on(number: int, _frame: FrameType | None) -> None:
        supervisor.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    return supervisor.wait()


def _end_children() -> None:
    processes.end(psutil.Process().children(recursive=True))


if __name__ == "__main__":
    main(sys.argv[1])
