"""Server-Sent Events of what changes: a client that comes back misses nothing, and too many are told to wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware

from mbs.model.errors import RegistryUnavailable
from mbs.model.naming import PREFIX
from mbs.registry import ModuleState, Registry
from mbs.web import events as stream
from mbs.web import feed
from tests.mbs.web.conftest import Clients
from tests.mbs.web.seven import fill
from tests.served import serving

WHY = "A test has changed it"
WAITING, DONE = 4, 3
"""Of the seven: a build in wait, and one in done."""


@pytest.fixture
def url(client: TestClient, registry: Registry) -> Iterator[str]:
    """Where the events of a server are told."""
    fill(registry)
    assert isinstance(client.app, FastAPI)
    with serving(client.app) as base:
        yield f"{base}/3/events/"


@pytest.fixture
def url_in_airflow(client: TestClient, registry: Registry) -> Iterator[str]:
    """The same behind what Airflow's API server puts before every application that it mounts."""

    async def passing(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    fill(registry)
    whole = FastAPI()
    whole.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    whole.add_middleware(GZipMiddleware, minimum_size=1)
    whole.mount(PREFIX, client.app)
    with serving(whole) as base:
        yield f"{base}{PREFIX}/3/events/"


@dataclass
class Stream:
    """What a client reads: each block of lines."""

    answer: requests.Response

    def __post_init__(self) -> None:
        self.lines = self.answer.iter_lines(decode_unicode=True)

    def block(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in self.lines:
            if not line:
                return found
            name, _, value = line.partition(": ")
            found[name] = value
        return found

    def event(self) -> tuple[str, dict[str, Any]]:
        """Give the next change of a test's own.

        What the registry was filled with may be told before: a stream begins below the oldest transaction that is open
        in the whole server, and that may be another test's.
        """
        while True:
            block = self.block()
            assert block, "the stream has ended"
            found = json.loads(block.get("data", "{}"))
            if found.get("state_reason") == WHY:
                return block["id"], found


def listen(url: str, last: str | None = None) -> Stream:
    headers = {"Last-Event-ID": last} if last else {}
    return Stream(requests.get(url, headers=headers, stream=True, timeout=30))


def change(registry: Registry, state: ModuleState, build_id: int = WAITING) -> None:
    registry.builds.transition(build_id, state, WHY, "test")


def test_a_change_is_told_when_it_happens(url: str, registry: Registry) -> None:
    heard = listen(url)
    assert heard.answer.headers["content-type"].startswith("text/event-stream")
    assert heard.block().keys() == {"retry", "id"}, "from here on a client can come back"
    change(registry, ModuleState.BUILD)
    _, event = heard.event()
    assert (event["module_build"], event["state"], event["state_name"]) == (WAITING, 2, "build")
    assert (event["state_reason"], event["name"]) == (WHY, "testmodule")


def test_who_comes_back_misses_nothing(url: str, registry: Registry) -> None:
    first = listen(url)
    first.block()
    change(registry, ModuleState.BUILD)
    last, _ = first.event()
    first.answer.close()
    change(registry, ModuleState.FAILED)
    again = listen(url, last)
    assert again.event()[1]["state_name"] == "failed"


def test_who_has_heard_nothing_yet_misses_nothing_either(url: str, registry: Registry) -> None:
    first = listen(url)
    last = first.block()["id"]
    first.answer.close()
    change(registry, ModuleState.BUILD)
    assert listen(url, last).event()[1]["state_name"] == "build"


def test_a_client_hears_only_what_it_asks_for(url: str, registry: Registry) -> None:
    heard = listen(f"{url}?state=failed&id={WAITING}")
    heard.block()
    change(registry, ModuleState.BUILD)
    change(registry, ModuleState.FAILED)
    assert heard.event()[1]["state_name"] == "failed"


def test_an_id_of_another_database_is_told_to_be_of_none(url: str, registry: Registry) -> None:
    heard = listen(url, "999999999999-1-1")
    assert heard.block()["event"] == "reset"
    change(registry, ModuleState.BUILD)
    assert heard.event()[1]["state_name"] == "build"


def test_more_streams_than_there_are_places_are_refused_until_one_ends(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "STREAMS", 2)
    with ExitStack() as open_ones:
        for _ in range(2):
            open_ones.enter_context(listen(url).answer)
        refused = requests.get(url, timeout=30)
        assert (refused.status_code, refused.headers["retry-after"] != "") == (503, True)
    statuses = (requests.get(url, stream=True, timeout=30).status_code for _ in range(500))
    assert 200 in statuses, "a place whose client has gone is free"


def test_behind_airflows_own_parts_events_come_at_once_and_places_are_given_back(
    url_in_airflow: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "STREAMS", 1)
    heard = listen(url_in_airflow)
    change(registry, ModuleState.BUILD)
    assert heard.event()[1]["state_name"] == "build"
    heard.answer.close()
    statuses = (requests.get(url_in_airflow, stream=True, timeout=30).status_code for _ in range(500))
    assert 200 in statuses


def test_while_the_registry_is_away_streams_end_and_none_begins(client_of: Clients, registry: Registry) -> None:
    fill(registry)
    away = threading.Event()

    def check() -> None:
        if away.is_set():
            raise RegistryUnavailable("The registry's database does not answer")

    app = client_of(registry=lambda: registry.checked(check)).app
    assert isinstance(app, FastAPI)
    with serving(app) as base:
        heard = listen(f"{base}/3/events/")
        heard.block()
        away.set()
        change(registry, ModuleState.BUILD)
        assert heard.block() == {}
        assert requests.get(f"{base}/3/events/", timeout=30).status_code == 503


def test_a_stream_ends_so_that_a_server_can(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SECONDS", 0.05)
    assert requests.get(url, timeout=30).status_code == 200


@pytest.mark.parametrize("last", ["x", "1-1", "1-1-1-1", "-1-1-1", "1-1-" + "9" * 30, b"\xd9\xa1-1-1"])
def test_an_id_that_is_none_is_refused(client: TestClient, last: str | bytes) -> None:
    answer = client.get("/3/events/", headers={"Last-Event-ID": last})
    assert answer.status_code == 400


def test_what_is_asked_wrongly_is_refused_before_the_stream_begins(client: TestClient) -> None:
    assert client.get("/3/events/?state=nope").status_code == 400
    assert client.get("/3/events/?id=x").status_code == 400
    assert client.get("/2/events/").status_code == 404
    assert client.get("/3/events?id=4", follow_redirects=False).headers["location"] == "/3/events/?id=4"


def test_a_head_of_the_events_ends_at_once(client: TestClient) -> None:
    answer = client.head("/3/events/")
    assert (answer.status_code, answer.content) == (200, b"")
