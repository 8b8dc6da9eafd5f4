"""What other clients ask, request by request, and the keys that they read of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from mbs.modulemd.reader import read_stream
from tests.clients.conftest import PLATFORM, Served


@pytest.fixture(scope="module")
def platform(served: Served) -> Mapping[str, Any]:
    """The item of the platform, which is all that a reader finds ready."""
    [item] = served.get("1/module-builds/", name="platform", verbose="True").json()["items"]
    return dict(item)


READY = ("name", "stream", "version", "context", "koji_tag", "modulemd", "state", "scratch")

QUERIES: list[tuple[str, str, dict[str, object], tuple[str, ...]]] = [
    (
        "the resolver of MBS's local builds",
        "1/module-builds/",
        {
            "name": "platform",
            "stream": "f40",
            "state": "ready",
            "verbose": True,
            "order_desc_by": "version",
            "page": 1,
            "per_page": 5,
        },
        READY,
    ),
    (
        "the newest of a virtual stream",
        "1/module-builds/",
        {
            "name": "platform",
            "order_desc_by": ["stream_version", "version"],
            "page": 1,
            "per_page": 1,
            "verbose": True,
        },
        ("modulemd",),
    ),
    (
        "ODCS",
        "1/module-builds/",
        {"nsvc": "platform:f40", "state": ["3", "5"], "verbose": True, "order_desc_by": "version"},
        (*READY[:-1], "base_module_buildrequires"),
    ),
    (
        "Testing Farm",
        "1/module-builds/",
        {"name": "platform", "stream": "f40", "version": "1", "context": "00000000", "verbose": 1},
        ("id", "owner", "scratch", "modulemd", "scmurl"),
    ),
    (
        "the mass rebuild script",
        "1/module-builds/",
        {
            "submitted_after": "2020-01-01T00:00:00Z",
            "name": "platform",
            "stream": "f40",
            "state": ["ready", "init", "wait", "build", "done"],
        },
        ("id", "state_name"),
    ),
    (
        "the web UI",
        "1/module-builds/",
        {"short": "true", "per_page": 40, "page": 1, "order_desc_by": "id"},
        ("id", "name", "stream", "version", "context", "state", "state_name", "scratch"),
    ),
]


@pytest.mark.parametrize(
    ("path", "params", "keys"), [query[1:] for query in QUERIES], ids=[query[0] for query in QUERIES]
)
def test_a_client_finds_the_keys_that_it_reads(
    served: Served, path: str, params: dict[str, object], keys: tuple[str, ...]
) -> None:
    answer = served.get(path, **params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["meta"]["total"] >= 1
    item = next(one for one in answer.json()["items"] if one["name"] == "platform")
    assert set(keys) <= item.keys()


@pytest.mark.parametrize(
    ("params", "total"),
    [
        ({"nsvc": "platform:f40:1:00000000", "state": "5"}, 1),
        ({"nsvc": "platform:f40", "base_module_br_stream_version_lte": "None"}, 0),
        ({"nsvc": "nodejs:20", "base_module_br_name": "platform", "base_module_br_stream_version_gte": "290100.0"}, 0),
        ({"koji_tag": "no-such-tag", "verbose": "true"}, 0),
    ],
)
def test_what_odcs_and_centos_ask_is_counted_right(served: Served, params: dict[str, object], total: int) -> None:
    assert served.get("1/module-builds/", **params).json()["meta"]["total"] == total


def test_a_document_is_what_libmodulemd_reads(platform: Mapping[str, Any]) -> None:
    read, imported = read_stream(platform["modulemd"]), read_stream(PLATFORM.read_text())
    assert (read.name, read.stream) == ("platform", "f40") == (imported.name, imported.stream)


def test_paths_without_their_slash_are_redirected_with_the_query(served: Served) -> None:
    for path in ("module-builds", "component-builds", "about", "rebuild-strategies"):
        answer = requests.get(f"{served.url}/1/{path}?per_page=1", timeout=30, allow_redirects=False)
        assert answer.status_code == 308, path
        assert answer.headers["Location"].endswith(f"/1/{path}/?per_page=1")
    assert served.get("1/module-builds", per_page=1).json()["meta"]["per_page"] == 1


def test_about_has_what_a_named_tuple_of_three_takes(served: Served) -> None:
    assert set(served.get("1/about").json()) == {"api_version", "auth_method", "version"}


@pytest.fixture(scope="module")
def rebuild_id(served: Served) -> int:
    """A build that the mass rebuild script has submitted: with no rule for the Content-Type."""
    body = f'{{"scmurl": "{served.commit("greeter")}", "branch": "1", "rebuild_strategy": "all"}}'
    answer = requests.post(f"{served.url}/2/module-builds/", data=body, timeout=120)
    assert answer.status_code == 201, answer.text
    [build] = answer.json()
    assert (
        requests.get(f"{served.url}/2/module-builds/{build['id']}?short=true", timeout=30).json()["state_name"]
        == "wait"
    )
    return int(build["id"])


def test_an_item_and_its_components_are_followed_as_the_web_ui_does(served: Served, rebuild_id: int) -> None:
    item = served.get(f"1/module-builds/{rebuild_id}").json()
    components = served.get("1/component-builds/", module_id=rebuild_id, per_page=40, page=1).json()
    assert sorted(one["id"] for one in components["items"]) == sorted(item["component_builds"])
    one = served.get(f"1/component-builds/{item['component_builds'][0]}").json()
    assert one["module_build"] == rebuild_id
