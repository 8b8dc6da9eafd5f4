"""Messages arrive whole and in order, and a side process that is stopped blocks no scheduler."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from operators.executors.messages import (
    Alive,
    Claimed,
    Confirm,
    Drop,
    Entry,
    Facts,
    Inbox,
    Outbox,
    Speaker,
    Take,
    listen,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def entry(number: int) -> Entry:
    return Entry(str(number), "dag", "run", "task", "log", "token" * 100)


def test_what_a_stopped_process_does_not_take_is_kept_and_arrives_when_it_goes_on(pair: Pair) -> None:
    ours, theirs = pair
    outbox = Outbox(ours)
    began = time.monotonic()
    for number in range(2000):
        outbox.send(Take([entry(number)]))
    assert time.monotonic() - began < 30, "it waited for the other end"
    heard: list[object] = []

    def hear() -> None:
        for message in listen(theirs):
            heard.append(message)
            if isinstance(message, Drop):
                return

    thread = threading.Thread(target=hear)
    thread.start()
    outbox.send(Drop(["1"]))
    while thread.is_alive():
        outbox.send()
    assert heard == [*(Take([entry(number)]) for number in range(2000)), Drop(["1"])]


def test_messages_that_arrive_in_parts_are_put_together(pair: Pair) -> None:
    ours, theirs = pair
    inbox = Inbox(ours)
    speaker = Speaker(theirs)
    assert list(inbox.receive()) == []
    facts = Facts(5, may_retry=True, started=1.5, run_started=None)
    speaker.send(Claimed("1", facts))
    theirs.send(b'{"type":"Al')
    assert list(inbox.receive()) == [Claimed("1", facts)]
    theirs.send(b'ive"}\n')
    assert list(inbox.receive()) == [Alive()]


def test_the_end_of_the_other_side_is_told(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(OSError, match="has ended"):
        list(Inbox(ours).receive())
    with pytest.raises(BrokenPipeError):
        Outbox(ours).send(Confirm(0.0, {}))
