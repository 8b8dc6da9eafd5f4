"""What runs inside a sandbox: it bounds itself, does one piece of work, and tells its parent what became of it.

python -m mbs.sandbox.child SOCKET PARENT LIMITS
"""

from __future__ import annotations

import importlib
import logging
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from mbs.model.errors import Infrastructure, Refused
from mbs.sandbox.limits import Limits, impose
from mbs.sandbox.wire import Argument, Kind, Message, TooLong, take, tell

LONGEST_TRACEBACK = 10_000
"""Characters."""


class Parent:
    """What work in a sandbox can do beyond itself: ask its parent, say what it does. Thread-safe."""

    def __init__(self, pipe: socket.socket) -> None:
        """Take the socket to the parent."""
        self._pipe = pipe
        self._one_at_a_time = threading.Lock()

    def ask(self, question: str, *arguments: Argument) -> Any:  # noqa: ANN401 - the answer's type is the question's
        """Ask one of the questions that the parent answers."""
        with self._one_at_a_time:
            tell(self._pipe, Message(Kind.ASK, question, arguments))
            return take(self._pipe)

    def doing(self, what: str) -> None:
        """Say what is done now: `reading ...`. It ends the sentence about a deadline that passed meanwhile."""
        self._tell(Message(Kind.DOING, what))

    def warn(self, line: str) -> None:
        """Write a line into the log of whoever waits."""
        self._tell(Message(Kind.WARN, line))

    def _tell(self, message: Message) -> None:
        with self._one_at_a_time:
            tell(self._pipe, message)


def main(pipe: str, parent: str, limits: str) -> None:
    """Do what the parent wants."""
    impose(msgspec.json.decode(limits, type=Limits), int(parent))
    with socket.socket(fileno=int(pipe)) as connection:
        try:
            tell(connection, _outcome(connection))
        except MemoryError:
            tell(connection, Message(Kind.TOO_MUCH))
        except TooLong:
            tell(connection, Message(Kind.TOO_LONG))


def _outcome(pipe: socket.socket) -> Message:
    try:
        work, request = take(pipe)
        parent = Parent(pipe)
        logging.getLogger().addHandler(_Log(parent.warn))
        return Message(Kind.DONE, value=_named(work)(request, parent))
    except Refused as refused:
        return Message(Kind.REFUSED, type(refused).__name__, problems=refused.problems)
    except Infrastructure as away:
        return Message(Kind.AWAY, type(away).__name__, value=str(away))
    except MemoryError:
        return Message(Kind.TOO_MUCH)
    except Exception:  # noqa: BLE001 - any other exception is a defect, and the parent's to tell
        return Message(Kind.DEFECT, traceback.format_exc()[-LONGEST_TRACEBACK:])


def _named(work: str) -> Callable[[object, Parent], object]:
    """Find the function `module:name`."""
    module, _, name = work.partition(":")
    found: Callable[[object, Parent], object] = getattr(importlib.import_module(module), name)
    return found


class _Log(logging.Handler):
    """Hands warnings to the parent, who has a log."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        self._warn(record.getMessage())


if __name__ == "__main__":
    main(*sys.argv[1:])
