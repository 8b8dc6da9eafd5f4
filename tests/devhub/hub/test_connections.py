"""Clients that are slow, many, or send nonsense: everybody else is answered all the same."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from devhub import connections
from devhub.init import open_hub
from devhub.server import Server
from devhub.settings import Settings, read_seed
from tests.devhub.hub.conftest import run_in_thread
from tools.devhub import RunningDevhub

CALL = b"<?xml version='1.0'?>\n<methodCall>\n<methodName>getAPIVersion</methodName>\n<params></params></methodCall>"


def dial(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


@contextlib.contextmanager
def dialed(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Open connections and close them at the end."""
    sockets = [dial(url) for _ in range(count)]
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def is_answered(url: str) -> bool:
    return "methodResponse" in requests.post(url, CALL, timeout=10).text


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def say(connection: socket.socket, request_: bytes) -> bytes:
    """Send a request and give the beginning of its answer, nothing when the connection was cut meanwhile."""
    try:
        connection.sendall(request_)
        return connection.recv(12)
    except (BrokenPipeError, ConnectionResetError):
        return b""


def test_many_slow_and_idle_clients_hold_up_nobody(hub: RunningDevhub) -> None:
    with dialed(hub.url, connections.CONNECTIONS + 150) as clients:
        for position, client in enumerate(clients):
            with contextlib.suppress(OSError):  # the first ones have lost their places by now
                client.sendall(
                    (b"", b"POST /koj", b"POST /kojihub HTTP/1.1\r\nContent-Length: 99\r\n\r\n<")[position % 3]
                )
        assert is_answered(hub.url)
        session = hub.login()
        assert session.getAPIVersion() == 1


@pytest.mark.parametrize(
    "began", [b"POST /kojihub HTTP/1.1\r\nX-", b"POST /kojihub HTTP/1.1\r\nContent-Length: 99999\r\n\r\n<"]
)
def test_a_request_that_comes_byte_by_byte_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, began: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    settings = Settings(state=tmp_path, port=0, seed=read_seed())
    with run_in_thread(Server(open_hub(settings), settings)) as url, dialed(url, 1) as (client,):
        client.sendall(began)
        deadline = time.monotonic() + 15
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < deadline:
                client.sendall(b"a")
                assert is_answered(url)
        assert time.monotonic() < deadline
        assert is_closed(client)


def test_a_slow_reader_of_large_files_holds_no_worker(hub: RunningDevhub) -> None:
    with (hub.state / "files" / "work" / "large.bin").open("wb") as large:
        large.truncate(200 << 20)
    with dialed(hub.url, 12) as readers:  # more than there are workers
        for reader in readers:
            reader.sendall(b"GET /kojifiles/work/large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reader.recv(20).startswith(b"HTTP/1.1 200")
        assert is_answered(hub.url)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 100_000, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * 20_000 + b"\r\n", b"431"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET /kojifiles/%ff%fe HTTP/1.1\r\nConnection: close\r\n\r\n", b"404"),
        (b"POST /kojihub HTTP/1.1\r\nContent-Length: -1\r\nConnection: close\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_proper_request_is_refused(hub: RunningDevhub, request_: bytes, status: bytes) -> None:
    with dialed(hub.url, 1) as (client,):
        assert say(client, request_)[9:] in (status, b"")  # the connection may be gone before it is read
    assert is_answered(hub.url)


def nested(depth: int) -> bytes:
    inner = b"<value><array><data>" * depth + b"</data></array></value>" * depth
    head = b"<?xml version='1.0'?>\n<methodCall>\n<methodName>echo</methodName>\n<params>\n<param>"
    return head + inner + b"</param></params></methodCall>"


BOMB = b"""<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<methodCall><methodName>echo</methodName><params><param><value>&b;</value></param></params></methodCall>"""


@pytest.mark.parametrize("depth", [100, 300, 330, 1_000, 60_000])
def test_deep_nesting_is_answered_or_refused_and_harms_nobody(hub: RunningDevhub, depth: int) -> None:
    answer = requests.post(hub.url, nested(depth), timeout=30)
    assert answer.status_code in (200, 400)
    assert is_answered(hub.url)


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b"\xff\xfe<methodCall/>",
        CALL.replace(b"getAPIVersion", b"\xff\xfe"),
        CALL.replace(b"<params>", b"<params>" + b" " * (4 << 20)),
    ],
    ids=["entities", "no utf-8", "no utf-8 in a name", "more than a hub reads"],
)
def test_a_hostile_call_is_refused(hub: RunningDevhub, body: bytes) -> None:
    answer = requests.post(hub.url, body, timeout=30)
    assert (answer.status_code, answer.text.startswith("Invalid request")) == (400, True)
    assert is_answered(hub.url)


def test_a_method_that_does_not_exist_is_a_fault(hub: RunningDevhub) -> None:
    answer = requests.post(hub.url, CALL.replace(b"getAPIVersion", b"__init__"), timeout=10)
    assert (answer.status_code, "Invalid method: __init__" in answer.text) == (200, True)
