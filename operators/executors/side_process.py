"""The executor's end of its side process: it starts it, speaks with it without ever waiting, and ends it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from operators.executors.messages import Begin, FromSide, Inbox, Outbox, ToSide

MODULE = "operators.executors.side"

SILENCE_SECONDS = 90.0
"""So long a side process may give no sign of life; a busy machine takes a while to start it."""

LONGEST_LOOP = 5.0
"""Seconds between two looks that count as silence: a scheduler that was itself stopped has listened to nobody."""

END_SECONDS = 5.0


class SideProcess:
    """A running side process; a fresh interpreter, which has nothing of the scheduler's but its environment."""

    def __init__(self, begin: Begin) -> None:
        """Start it, and tell it what it has to know, but on no command line."""
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-m", MODULE, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        self._outbox = Outbox(self._socket)
        self._inbox = Inbox(self._socket)
        self.is_gone = False
        """Whether the other end is closed."""
        self._heard = True
        self._looked = time.monotonic()
        self._silence = 0.0
        self.send(begin)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def fileno(self) -> int:
        """What becomes readable when it says something."""
        return self._socket.fileno()

    def send(self, *messages: ToSide) -> None:
        """Send messages, or what is left of earlier ones."""
        with contextlib.suppress(OSError):  # it has ended, which `is_well` tells
            self._outbox.send(*messages)

    def receive(self) -> Iterator[FromSide]:
        """Give what it has said."""
        try:
            for message in self._inbox.receive():
                self._heard = True
                yield message
        except OSError:
            self.is_gone = True

    def is_well(self) -> bool:
        """Tell whether it runs and has given a sign of life lately; to be asked often, and after `receive`."""
        passed = min(time.monotonic() - self._looked, LONGEST_LOOP)
        self._looked = time.monotonic()
        self._silence = 0.0 if self._heard else self._silence + passed
        self._heard = False
        return not self.is_gone and self._process.poll() is None and self._silence < SILENCE_SECONDS

    def end(self) -> None:
        """Have it end: it does when we are gone from the other end."""
        self._socket.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
