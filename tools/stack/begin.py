"""`python -m tools.stack.begin NAME NEED,... COMMAND...`: how supervisord starts each process of the stack.

Ends what an earlier process of any name left behind, notes the start, waits until those that it needs are ready, and
becomes the command. supervisord does none of these: it loses sight of the children of a process that was killed, counts
no starts, and knows an order of starts but not what a process needs when it is started again.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime

import psutil

from tools.stack import processes, supervisor
from tools.stack.layout import Layout, layout

LOOK_SECONDS = 0.25


def main(name: str, needs: str, *command: str) -> None:
    """Do all of it; does not return."""
    stack = layout()
    processes.kill(orphans(stack))
    supervisor.note_start(stack, name, datetime.now(UTC))
    await_needs(stack, needs.split(",") if needs else [])
    os.execvp(command[0], command)  # noqa: S606 - the command is services.py's


def orphans(stack: Layout) -> list[psutil.Process]:
    """Give supervisord's children that it did not start, and all below them: their parents were killed."""
    started = {program.pid for program in supervisor.programs(stack).values()}
    found = [child for child in psutil.Process(os.getppid()).children() if child.pid not in started]
    return [each for orphan in found for each in processes.with_descendants(orphan)]


def await_needs(stack: Layout, needs: list[str]) -> None:
    """Return when the databases are prepared and all services of these names are ready.

    A loop of our own: every process of the stack begins here, with as few imports as may be, and waits for ever.
    """
    if not needs:
        return
    from tools.stack.services import services  # noqa: PLC0415 - what needs nothing starts sooner without

    wanted = [service for service in services(stack) if service.name in needs]
    while not (supervisor.is_prepared(stack) and all(service.ready(stack) for service in wanted)):
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
