"""Reading components: both forms key by key, every filter."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.mbs.web import seven

NORMAL = {"id", "package", "format", "task_id", "state", "state_name", "state_reason", "module_build", "nvr"}


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("form", ["", "?short=true"])
def test_the_normal_form_which_is_the_short_one_too(reader: TestClient, form: str) -> None:
    assert get(reader, f"/1/component-builds/1{form}") == {
        "id": 1,
        "package": "nginx",
        "format": "rpms",
        "task_id": 1,
        "state": 1,
        "state_name": "COMPLETE",
        "state_reason": None,
        "module_build": 2,
        "nvr": seven.NGINX_NVR,
    }


def test_the_verbose_form_has_koji_s_names_of_states(reader: TestClient) -> None:
    shown = get(reader, "/1/component-builds/1?verbose=true")
    assert shown.keys() == NORMAL | {"batch", "state_trace", "state_url"}
    assert shown["batch"] == 2, "MBS counts the macros as 1"
    assert shown["state_trace"] == [
        {"time": "2016-09-03T11:24:00Z", "state": 1, "state_name": "COMPLETE", "reason": None}
    ]
    assert shown["state_url"].endswith("/1/component-builds/1")


def test_a_trace_without_a_state(reader: TestClient) -> None:
    [change] = get(reader, "/1/component-builds/3?verbose=true")["state_trace"]
    assert (change["state"], change["state_name"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("format=rpms", 12),
        ("format=containers", 0),
        ("ref=x", 0),
        ("ref=1f3b", 6),
        ("tagged=true", 8),
        ("tagged=1", 8),
        ("tagged=nonsense", 4),
        ("nvr=nginx-1.10.1-2.module%2B2%2Bb8661ee4", 1),
        ("task_id=1", 1),
        ("state=3", 2),
        ("state=3&state=1", 12),
        ("state=failed&state=Complete", 12),
        ("state=7", 0),
        ("package=nginx", 2),
        ("module_id=2", 2),
        ("module_build=2", 2),
        ("module_build=2&module_id=3", 0),
        ("scmurl=git://pkgs.domain.local/rpms/nginx?%231f3b", 2),
        ("batch=1", 6),
        ("batch=0", 0),
        ("weight=0", 12),
        ("weight=1.5", 0),
        ("buildonly=false", 12),
        ("build_time_only=false", 12),
        ("tagged_in_final=true", 0),
        ("reused_component_id=1", 0),
        ("state_reason=why", 0),
        ("task_id=99999999999999999999999", 0),
        ("nothing=1", 12),
    ],
)
def test_filters_of_components(reader: TestClient, query: str, found: int) -> None:
    assert get(reader, f"/1/component-builds/?{query}")["meta"]["total"] == found


@pytest.mark.parametrize("state", ["nothing", "", "ready"])
def test_a_state_that_koji_has_not_is_refused(reader: TestClient, state: str) -> None:
    assert get(reader, f"/1/component-builds/?state={state}", 400)["message"] == f"Invalid state was supplied: {state}"


@pytest.mark.parametrize("name", ["batch", "task_id", "module_id", "module_build", "reused_component_id", "weight"])
def test_a_text_for_a_number_is_refused(reader: TestClient, name: str) -> None:
    assert name in get(reader, f"/1/component-builds/?{name}=x", 400)["message"]


@pytest.mark.parametrize(
    "key",
    [
        *("package", "scmurl", "format", "task_id", "ref", "state", "state_reason", "nvr", "tagged", "tagged_in_final"),
        *("build_time_only", "buildonly", "batch", "module_id", "reused_component_id", "weight", "id"),
    ],
)
def test_every_column_is_an_order(reader: TestClient, key: str) -> None:
    assert len(get(reader, f"/1/component-builds/?order_by={key}&verbose=1")["items"]) == 10


def test_components_are_listed_newest_first(reader: TestClient) -> None:
    shown = get(reader, "/1/component-builds/?per_page=3")
    assert [item["id"] for item in shown["items"]] == [12, 11, 10]
    assert all(item.keys() == NORMAL for item in shown["items"])


def test_an_order_that_there_is_not(reader: TestClient) -> None:
    said = get(reader, "/1/component-builds/?order_by=name&order_by=claimed_by", 400)["message"]
    assert said == (
        'An invalid ordering key of "name" was supplied\nAn invalid ordering key of "claimed_by" was supplied'
    )


@pytest.mark.parametrize("number", ["13", "0", "9223372036854775808"])
def test_a_component_that_there_is_not(reader: TestClient, number: str) -> None:
    assert get(reader, f"/1/component-builds/{number}", 404)["message"] == "No such component found."


def test_messages_of_a_build_are_also_those_of_its_components_newest_first(reader: TestClient) -> None:
    shown = get(reader, "/1/module-builds/2/messages?state=x")
    said = [one["message"] for one in shown["messages"]]
    assert said == ["Build log message2", "Component message", "Build log message1"]
    assert shown["messages"][0] == {
        "id": 3,
        "time_created": "2016-09-03T11:24:30Z",
        "message": "Build log message2",
    }
    assert shown["meta"]["total"] == 3
    assert "state" not in shown["meta"]["first"]


def test_messages_of_a_component_are_its_own(reader: TestClient) -> None:
    shown = get(reader, "/1/component-builds/1/messages")
    assert [one["message"] for one in shown["messages"]] == ["Component message"]


def test_messages_come_in_pages(reader: TestClient) -> None:
    shown = get(reader, "/1/module-builds/2/messages?per_page=2&page=2")
    assert [one["id"] for one in shown["messages"]] == [1]


@pytest.mark.parametrize(
    ("path", "said"),
    [("module-builds/8", "No such module found."), ("component-builds/99", "No such component found.")],
)
def test_messages_about_nothing(reader: TestClient, path: str, said: str) -> None:
    assert get(reader, f"/1/{path}/messages", 404)["message"] == said
