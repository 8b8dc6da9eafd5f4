"""Version 3 follows lists by the id of the last item: nothing is counted, nothing twice, nothing lost meanwhile."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from mbs.registry import Registry
from tests.mbs.web.seven import fill


def follow(client: TestClient, url: str) -> list[list[int]]:
    """Give the ids of each page up to the last."""
    pages: list[list[int]] = []
    following: str | None = url
    while following is not None:
        answer = client.get(following).json()
        pages.append([one["id"] for one in answer["items"]])
        following = answer["meta"]["next"]
    return pages


@pytest.mark.parametrize("items", ["module-builds", "component-builds"])
def test_all_items_come_once_newest_first_or_oldest_first(reader: TestClient, items: str) -> None:
    (everything,) = follow(reader, f"/3/{items}/?per_page=100&after=")
    assert everything == sorted(everything, reverse=True)
    assert [*chain(*follow(reader, f"/3/{items}/?per_page=3&after="))] == everything
    assert [*chain(*follow(reader, f"/3/{items}/?per_page=3&after=&order_by=id"))] == everything[::-1]


def test_the_last_page_has_no_next_even_where_it_is_full(reader: TestClient) -> None:
    assert follow(reader, "/3/module-builds/?per_page=7&after=") == [[7, 6, 5, 4, 3, 2, 1]]
    assert reader.get("/3/module-builds/?after=1").json() == {"items": [], "meta": {"per_page": 10, "next": None}}


def test_filters_go_on_with_the_list(reader: TestClient) -> None:
    pages = follow(reader, "/3/module-builds/?state=ready&state=done&short=1&per_page=1&after=")
    assert [len(page) for page in pages] == [1] * 5
    answer = reader.get("/3/module-builds/?state=ready&state=done&per_page=1&after=7&page=3").json()
    assert answer["meta"]["next"].endswith(f"?state=ready&state=done&after={answer['items'][0]['id']}&per_page=1")


def test_nothing_is_counted(client: TestClient, registry: Registry) -> None:
    fill(registry)
    asked: list[str] = []
    event.listen(registry.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    client.get("/3/module-builds/?after=")
    assert asked
    assert not [statement for statement in asked if "count(" in statement]


def test_mbs_knows_no_after(reader: TestClient) -> None:
    meta: dict[str, Any] = reader.get("/2/module-builds/?after=3").json()["meta"]
    assert (meta["total"], meta["page"]) == (7, 1)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=3&order_by=name", "after=3&order_by=id&order_by=name"])
def test_what_cannot_be_followed_is_refused(reader: TestClient, query: str) -> None:
    assert reader.get(f"/3/module-builds/?{query}").status_code == 400


def test_an_id_beyond_all_is_no_fault(reader: TestClient) -> None:
    assert len(reader.get(f"/3/module-builds/?after={'9' * 30}").json()["items"]) == 7
