"""What an executor and its side process tell each other: a line of JSON each, over a pair of sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from mbs.koji.session import HubAccount


class Facts(msgspec.Struct, frozen=True):
    """What is known of a task that is running."""

    max_tries: int
    may_retry: bool
    """Whether Airflow has a try left for it."""
    started: float
    """Seconds since the epoch: when this try began."""
    run_started: float | None
    """Seconds since the epoch: when the run started last."""


class Entry(msgspec.Struct):
    """A task that an executor has handed over."""

    id: str
    """Of the task instance: another for every try."""
    dag_id: str
    run_id: str
    task_id: str
    log: str
    """Path of its log, below the folder of all logs."""
    token: str
    """For the Execution API; renewed long before it expires."""
    facts: Facts | None = None
    """None: it is queued, and to be claimed."""


class LogFolder(msgspec.Struct, frozen=True):
    """Where the logs of tasks are, and the modes of what is made there."""

    path: str
    folder_mode: int
    file_mode: int


class Begin(msgspec.Struct, tag=True, frozen=True):
    """The first message to a side process: all that it has to know."""

    server: str
    """URL of the Execution API."""
    api_version: str
    host: str
    user: str
    pid: int
    """Of the scheduler: a claim that is made again after the side process died is then no other's."""
    logs: LogFolder
    retries: int
    """Of every task: what `max_tries` counts without a person's clears."""
    settings: Mapping[str, str]
    account: HubAccount
    registry: str
    """URL of the registry's database."""


class Take(msgspec.Struct, tag=True):
    """Claim these tasks, or hold them where they are claimed."""

    entries: list[Entry]


class Drop(msgspec.Struct, tag=True, frozen=True):
    """These tasks are none of ours any more; with a reason what they build is canceled, without they are forgotten."""

    ids: list[str]
    cancel: str | None = None


class Confirm(msgspec.Struct, tag=True, frozen=True):
    """All tasks that are held are surely ours until this moment of `now`; new tokens, by id."""

    until: float
    tokens: dict[str, str]


class Claimed(msgspec.Struct, tag=True, frozen=True):
    """A task runs."""

    id: str
    facts: Facts


class Ending(msgspec.Struct, tag=True, frozen=True):
    """A task is about to end: that it does not run is not a person's doing."""

    id: str


class Ended(msgspec.Struct, tag=True, frozen=True):
    """The end of a task is accepted."""

    id: str


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The claim or the end of a task was refused: somebody else has it, or it is gone."""

    id: str


class Dropped(msgspec.Struct, tag=True, frozen=True):
    """What dropped tasks built is canceled, or was never begun."""

    ids: list[str]


class Alive(msgspec.Struct, tag=True, frozen=True):
    """A sign of life."""


ToSide: TypeAlias = Begin | Take | Drop | Confirm
FromSide: TypeAlias = Claimed | Ending | Ended | Refused | Dropped | Alive

_RECEIVE = 1 << 20


def now() -> float:
    """Give the seconds of a clock that all processes of this machine share, and that goes on while it sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Outbox:
    """Sends to a process without ever waiting for it: what it does not take now is sent by a later call."""

    def __init__(self, sock: socket.socket) -> None:
        """Take one end of a pair."""
        self._socket = sock
        self._rest = bytearray()

    def send(self, *messages: ToSide) -> None:
        """Send messages behind what is left. Raises OSError where the other end is gone."""
        for message in messages:
            self._rest += msgspec.json.encode(message) + b"\n"
        while self._rest:
            try:
                sent = self._socket.send(self._rest, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            del self._rest[:sent]


class Inbox:
    """Reads the messages of a process as far as they have come."""

    def __init__(self, sock: socket.socket) -> None:
        """Take one end of a pair."""
        self._socket = sock
        self._decoder = msgspec.json.Decoder(FromSide)
        self._rest = b""

    def receive(self) -> Iterator[FromSide]:
        """Give what has come. Raises OSError where the other end is gone."""
        while True:
            try:
                read = self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not read:
                msg = "The side process has ended."
                raise ConnectionResetError(msg)
            *lines, self._rest = (self._rest + read).split(b"\n")
            yield from map(self._decoder.decode, lines)


class Speaker:
    """Sends from several threads, and waits for the other end where it is slow."""

    def __init__(self, sock: socket.socket) -> None:
        """Take one end of a pair."""
        self._socket = sock
        self._lock = threading.Lock()

    def send(self, message: FromSide) -> None:
        """Send a message. Raises OSError where the other end is gone."""
        with self._lock:
            self._socket.sendall(msgspec.json.encode(message) + b"\n")


def listen(sock: socket.socket) -> Iterator[ToSide]:
    """Give messages as they come, until the other end is gone."""
    decoder = msgspec.json.Decoder(ToSide)
    with sock.makefile("rb") as lines:
        yield from map(decoder.decode, lines)
