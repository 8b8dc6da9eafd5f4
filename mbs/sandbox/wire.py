"""Messages between a sandbox and its parent: the length in four bytes, then the message.

What goes in is pickled, for it comes from the service itself. What comes out is JSON, and no longer than `LONGEST`.
"""

from __future__ import annotations

import json
import pickle
import socket
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from mbs.model.errors import Problem

Argument = str | tuple[str, ...]
"""Of a question."""

LONGEST = 64 * 1024 * 1024
"""Bytes of one message out of a sandbox."""

_LENGTH = 4
_PART = 1024 * 1024


class Kind(StrEnum):
    """What a message out of a sandbox is."""

    ASK = "ask"
    """A question: its name in `text`."""
    DOING = "doing"
    """What the sandbox is about to do, in `text`."""
    WARN = "warn"
    """A line for the log."""
    DONE = "done"
    """The result, in `value`."""
    REFUSED = "refused"
    """The class of the refusal in `text`, and its problems."""
    AWAY = "away"
    """The class of what is away in `text`, and the message in `value`."""
    DEFECT = "defect"
    """A traceback."""
    TOO_MUCH = "too much"
    """It has no more memory."""
    TOO_LONG = "too long"
    """The result is longer than a message may be."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message out of a sandbox."""

    kind: Kind
    text: str = ""
    arguments: tuple[Argument, ...] = ()
    problems: tuple[Problem, ...] = ()
    value: Any = None


class Ended(Exception):
    """The other side is gone."""


class NoMessage(Exception):
    """What came is no message."""


class OutOfTime(Exception):
    """The deadline has passed."""


class TooLong(Exception):
    """A message is longer than `LONGEST`."""


class Deadline:
    """A moment by which all is done."""

    def __init__(self, seconds: float) -> None:
        """Begin now."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Give the seconds that are left. Raises OutOfTime."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return left


def give(pipe: socket.socket, value: object, deadline: Deadline) -> None:
    """Send a value into a sandbox. Raises Ended, OutOfTime."""
    pipe.settimeout(deadline.left())
    _send(pipe, pickle.dumps(value))


def take(pipe: socket.socket) -> Any:  # noqa: ANN401 - whatever the service has sent
    """Receive, in a sandbox, what its parent has sent. Raises Ended."""
    return pickle.loads(_receive(pipe, None, lambda: None))  # noqa: S301 - the parent is the service itself


def tell(pipe: socket.socket, message: Message) -> None:
    """Send a message out of a sandbox. Raises Ended, TooLong."""
    content = _encoded(message)
    if len(content) > LONGEST:
        raise TooLong
    _send(pipe, content)


def hear(pipe: socket.socket, deadline: Deadline) -> Message:
    """Receive a message out of a sandbox. Raises Ended, NoMessage, OutOfTime."""
    content = _receive(pipe, LONGEST, deadline.left)
    try:
        return msgspec.json.decode(content, type=Message)
    except (ValueError, RecursionError) as error:
        raise NoMessage from error


def _encoded(message: Message) -> bytes:
    """Write a message by `json`: msgspec's own writer crashes where it gets no memory (0.22).

    Half a character, of the name of a file perhaps, is nothing that the parent could show.
    """
    return json.dumps(msgspec.to_builtins(message), ensure_ascii=False).encode("utf-8", "replace")


def _send(pipe: socket.socket, content: bytes) -> None:
    try:
        pipe.sendall(len(content).to_bytes(_LENGTH, "big"))
        pipe.sendall(content)
    except TimeoutError:
        raise OutOfTime from None
    except OSError as error:
        raise Ended from error


def _receive(pipe: socket.socket, longest: int | None, left: Callable[[], float | None]) -> bytes:
    length = int.from_bytes(_exactly(pipe, _LENGTH, left), "big")
    if longest is not None and length > longest:
        raise NoMessage
    return _exactly(pipe, length, left)


def _exactly(pipe: socket.socket, length: int, left: Callable[[], float | None]) -> bytes:
    content = bytearray()
    while len(content) < length:
        pipe.settimeout(left())
        try:
            part = pipe.recv(min(length - len(content), _PART))
        except TimeoutError:
            raise OutOfTime from None
        except OSError as error:
            raise Ended from error
        if not part:
            raise Ended
        content += part
    return bytes(content)
