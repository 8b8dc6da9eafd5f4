"""Reading module builds: the three forms key by key, pages, orders, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from mbs.registry import Registry
from mbs.registry.models import ModuleBuild
from tests.mbs.web import seven

SHORT = {"id", "name", "stream", "version", "context", "state", "state_name", "scratch"}
NORMAL = SHORT | {
    *("batch", "buildrequires", "component_builds", "koji_tag", "new_repo_task_id", "owner", "rebuild_strategy"),
    *("scmurl", "siblings", "srpms", "state_reason", "tasks", "time_submitted", "time_modified", "time_completed"),
}
VERBOSE = NORMAL | {
    *("arches", "base_module_buildrequires", "build_context", "build_context_no_bms", "runtime_context", "modulemd"),
    *("reused_module_id", "state_trace", "state_url", "stream_version", "virtual_streams"),
}


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_short_form(reader: TestClient) -> None:
    assert get(reader, "/1/module-builds/2?short=true") == {
        "id": 2,
        "name": "nginx",
        "stream": "1",
        "version": "2",
        "context": "00000000",
        "state": 5,
        "state_name": "ready",
        "scratch": False,
    }


def test_the_normal_form(reader: TestClient) -> None:
    shown = get(reader, "/1/module-builds/2")
    assert shown.keys() == NORMAL
    assert shown["batch"] == 2
    assert shown["component_builds"] == [1, 2]
    assert shown["tasks"] == {
        "rpms": {
            "nginx": {"task_id": 1, "state": 1, "state_reason": None, "nvr": seven.NGINX_NVR},
            "module-build-macros": {"task_id": 2, "state": 1, "state_reason": None, "nvr": "module-build-macros-1-2"},
        }
    }
    assert (shown["time_submitted"], shown["time_completed"]) == ("2016-09-03T11:23:20Z", "2016-09-03T11:25:32Z")
    assert get(reader, "/1/module-builds/4")["time_completed"] is None


def test_tasks_are_there_while_there_are_no_components(reader: TestClient) -> None:
    shown = get(reader, "/1/module-builds/1")
    assert (shown["tasks"], shown["component_builds"], shown["batch"]) == ({}, [], 0)


@pytest.mark.parametrize("said", ["true", "True", "1"])
def test_the_verbose_form(reader: TestClient, said: str) -> None:
    shown = get(reader, f"/2/module-builds/2?verbose={said}&short=true&verbose=false")
    assert shown.keys() == VERBOSE
    assert shown["base_module_buildrequires"] == [
        {
            "id": 1,
            "name": "platform",
            "stream": "f28",
            "version": "3",
            "context": "00000000",
            "state": 5,
            "state_name": "ready",
            "stream_version": 280000,
        }
    ]
    assert shown["state_trace"] == [
        {"time": "2016-09-03T11:23:20Z", "state": 0, "state_name": "init", "reason": None},
        {"time": "2016-09-03T11:25:32Z", "state": 5, "state_name": "ready", "reason": None},
    ]
    assert shown["modulemd"] == seven.DOCUMENT
    assert shown["state_url"].endswith("/2/module-builds/2")


def test_pages(reader: TestClient) -> None:
    meta = get(reader, "/1/module-builds/?per_page=2&page=2")["meta"]
    assert (meta["total"], meta["pages"], meta["per_page"], meta["page"]) == (7, 4, 2, 2)
    assert [meta[link].split("page=")[1].split("&")[0] for link in ("prev", "next", "first", "last")] == list("1314")


def test_builds_are_listed_newest_first(reader: TestClient) -> None:
    items = get(reader, "/1/module-builds/")["items"]
    assert [item["id"] for item in items] == [7, 6, 5, 4, 3, 2, 1]
    assert all(item.keys() == NORMAL for item in items)


@pytest.mark.parametrize(
    ("query", "page", "per_page"),
    [
        ("page=x&per_page=y", 1, 10),
        ("page=0", 1, 10),
        ("page=-3&per_page=-3", 1, 20),
        ("page=1e9&per_page=", 1, 10),
        ("page=99", 99, 10),
        ("page=1000000000", 10**9, 10),
        (f"page={'9' * 30}", int("9" * 30), 10),
        ("per_page=999999999999999999999999999", 1, 1000),
        ("page=2&page=3&per_page=3&per_page=x", 2, 3),
        ("page=" + "9" * 5000, 2**63 - 1, 10),
        ("page=٣", 1, 10),
    ],
)
def test_any_page_is_an_answer(reader: TestClient, query: str, page: int, per_page: int) -> None:
    shown = get(reader, f"/1/module-builds/?{query}")
    assert (shown["meta"]["page"], shown["meta"]["per_page"], shown["meta"]["total"]) == (page, per_page, 7)
    assert shown["meta"]["next"] is None or page == 2
    assert bool(shown["items"]) == (page < 3)


def test_no_items_of_pages_without_any(reader: TestClient) -> None:
    shown = get(reader, "/1/module-builds/?per_page=0")
    assert (shown["items"], shown["meta"]["pages"], shown["meta"]["total"]) == ([], 0, 7)


def test_pages_without_an_order_that_tells_rows_apart_neither_lose_nor_repeat_any(reader: TestClient) -> None:
    for key in ("order_by=owner", "order_desc_by=context", "order_by=version&order_by=owner"):
        seen = [
            item["id"]
            for page in range(1, 5)
            for item in get(reader, f"/1/module-builds/?{key}&per_page=2&page={page}&short=1")["items"]
        ]
        assert sorted(seen) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("order_by=name", [2, 5]),
        ("order_desc_by=version", [7, 4]),
        ("order_desc_by=time_submitted", [1, 7]),
        ("order_by=name&order_by=version", [2, 5]),
        ("order_desc_by=name&order_desc_by=state", [7, 4]),
        ("order_by=batch&order_by=id", [1, 2]),
        ("order_by=new_repo_task_id", [1, 2]),
        ("order_desc_by=stream_version", [7, 6]),
        ("order_by=modulemd", [1, 2]),
        ("order_by=reused_module_id", [1, 2]),
        ("order_by=srpms", [1, 2]),
    ],
)
def test_orders(reader: TestClient, query: str, first: list[int]) -> None:
    found = [item["id"] for item in get(reader, f"/1/module-builds/?{query}&short=1")["items"]]
    assert found[:2] == first


@pytest.mark.usefixtures("seven_builds")
def test_versions_are_ordered_as_numbers(client: TestClient, registry: Registry) -> None:
    change(registry, 5, version=10)
    items = get(client, "/1/module-builds/?name=nginx&order_desc_by=version")["items"]
    assert [item["version"] for item in items] == ["10", "2"]


def change(registry: Registry, build_id: int, **facts: Any) -> None:
    with Session(registry.engine) as session, session.begin():
        session.execute(update(ModuleBuild).where(ModuleBuild.id == build_id).values(facts))


@pytest.mark.parametrize("key", ["some_key", "", "plan", "branch", "siblings"])
def test_an_order_that_there_is_not(reader: TestClient, key: str) -> None:
    said = get(reader, f"/1/module-builds/?order_by={key}", 400)["message"]
    assert said == f'An invalid ordering key of "{key}" was supplied'


def test_one_direction_at_a_time(reader: TestClient) -> None:
    said = get(reader, "/1/module-builds/?order_by=id&order_desc_by=id", 400)["message"]
    assert said == "You may not specify both order_by and order_desc_by"


@pytest.mark.parametrize("path", ["/1/module-builds/", "/1/module-builds/3", "/1/component-builds/"])
def test_an_id_is_no_parameter(reader: TestClient, path: str) -> None:
    collection = path.split("/")[2]
    said = get(reader, f"{path}?id=2", 400)["message"]
    assert said.startswith('The "id" query option is invalid. Did you mean to go to "')
    assert said.endswith(f'/1/{collection}/2"?')


@pytest.mark.parametrize("number", ["8", "0", "9223372036854775808", "9" * 50])
def test_a_build_that_there_is_not(reader: TestClient, number: str) -> None:
    assert get(reader, f"/1/module-builds/{number}", 404)["message"] == "No such module found."
