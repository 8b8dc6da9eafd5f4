"""Reading module builds: the three forms key by key, pages, orders, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from mbs.registry import Registry
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


@pytest.fixture(autouse=True)
def builds(registry: Registry) -> None:
    seven.fill(registry)


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_short_form(client: TestClient) -> None:
    assert get(client, "/1/module-builds/2?short=true") == {
        "id": 2,
        "name": "nginx",
        "stream": "1",
        "version": "2",
        "context": "00000000",
        "state": 5,
        "state_name": "ready",
        "scratch": False,
    }


def test_the_normal_form(client: TestClient) -> None:
    shown = get(client, "/1/module-builds/2")
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
    assert get(client, "/1/module-builds/4")["time_completed"] is None


def test_tasks_are_there_while_there_are_no_components(client: TestClient) -> None:
    shown = get(client, "/1/module-builds/1")
    assert (shown["tasks"], shown["component_builds"], shown["batch"]) == ({}, [], 0)


@pytest.mark.parametrize("said", ["true", "True", "1"])
def test_the_verbose_form(client: TestClient, said: str) -> None:
    shown = get(client, f"/2/module-builds/2?verbose={said}&short=true&verbose=false")
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


def test_pages(client: TestClient) -> None:
    meta = get(client, "/1/module-builds/?per_page=2&page=2")["meta"]
    assert (meta["total"], meta["pages"], meta["per_page"], meta["page"]) == (7, 4, 2, 2)
    assert [meta[link].split("page=")[1].split("&")[0] for link in ("prev", "next", "first", "last")] == list("1314")


def test_builds_are_listed_newest_first(client: TestClient) -> None:
    items = get(client, "/1/module-builds/")["items"]
    assert [item["id"] for item in items] == [7, 6, 5, 4, 3, 2, 1]
    assert all(item.keys() == NORMAL for item in items)
