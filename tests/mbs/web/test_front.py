"""What all routes share: redirects, HEAD, other methods, other origins, front servers, what a client has seen."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mbs.registry import ModuleState, Registry
from mbs.web.front import LONGEST_QUERY
from tests.mbs.web.conftest import Clients
from tests.mbs.web.seven import fill

PREFIX = "/module-build-service"


@pytest.fixture
def mounted(client: TestClient) -> TestClient:
    """The application under its prefix, as it is served."""
    whole = FastAPI()
    whole.mount(PREFIX, client.app)
    return TestClient(whole, base_url="http://mbs.example.org", follow_redirects=False)


@pytest.mark.parametrize("path", ["module-builds", "component-builds", "about", "rebuild-strategies"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_list_without_its_slash_is_redirected_with_its_parameters(
    mounted: TestClient, path: str, method: str
) -> None:
    answer = mounted.request(method, f"{PREFIX}/1/{path}?state=3&state=1")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{PREFIX}/1/{path}/?state=3&state=1")


def test_an_item_with_a_slash_is_not_found(client: TestClient, registry: Registry) -> None:
    fill(registry)
    assert client.get("/1/module-builds/5").status_code == 200
    assert client.get("/1/module-builds/5/").status_code == 404


@pytest.mark.parametrize("path", ["/1/module-builds/", "/1/about/", "/2/module-builds/2"])
def test_head_is_get_without_its_body(client: TestClient, registry: Registry, path: str) -> None:
    fill(registry)
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))


def test_what_may_be_read_may_be_read_from_every_origin(client: TestClient, registry: Registry) -> None:
    fill(registry)
    for path in ("module-builds/", "module-builds/2", "component-builds/", "component-builds/1", "about/"):
        assert client.get(f"/1/{path}").headers["access-control-allow-origin"] == "*", path
    for path in ("module-builds/2/messages", "module-builds/999", "final-modulemd/999"):
        assert "access-control-allow-origin" not in client.get(f"/1/{path}").headers, path
    assert "access-control-allow-origin" not in client.post("/1/module-builds/", content="{}").headers


def test_options_tells_the_methods_and_lets_no_other_origin_write(client: TestClient) -> None:
    answer = client.options("/1/module-builds/", headers={"Origin": "https://elsewhere.example.org"})
    assert (answer.status_code, answer.headers["allow"]) == (200, "GET, HEAD, OPTIONS, POST")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert client.options("/1/nowhere/").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/1/module-builds/", "/2/module-builds/5"])
def test_another_method_is_refused_as_json(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")


def test_an_unknown_path_and_an_unknown_version_are_json(client: TestClient) -> None:
    assert client.get("/1/nowhere/").json()["status"] == 404
    for version in (0, 99):
        answer = client.post(f"/{version}/module-builds/", content="no json")
        assert answer.json()["message"] == "The requested API version is not available"


def test_an_item_that_was_seen_is_not_sent_again_until_it_changes(client: TestClient, registry: Registry) -> None:
    fill(registry)
    first = client.get("/2/module-builds/2")
    seen = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = client.get("/2/module-builds/2", headers=seen)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get("/2/module-builds/2?verbose=1", headers=seen).status_code == 200, "another form is another text"
    registry.builds.transition(2, ModuleState.GARBAGE, None, "pat")
    assert client.get("/2/module-builds/2", headers=seen).status_code == 200


FORWARDED = {"X-Script-Name": "/mbs", "X-Forwarded-Host": "builds.example.org:8443", "X-Scheme": "https"}


def links(
    client_of: Clients, trusted: tuple[str, ...], headers: dict[str, str], peer: str = "192.0.2.7"
) -> tuple[str, str]:
    """Where a client is told that a list and an item are."""
    app = client_of(settings={"trusted_proxies": trusted}).app
    whole = FastAPI()
    whole.mount(PREFIX, app)
    asked = TestClient(whole, base_url="http://inner.example.org", client=(peer, 1))
    listed = asked.get(f"{PREFIX}/2/module-builds/?short=1", headers=headers).json()["meta"]["first"]
    item = asked.get(f"{PREFIX}/2/module-builds/2?verbose=1", headers=headers).json()["state_url"]
    return listed, item


def test_links_are_where_a_trusted_front_server_says(client_of: Clients, registry: Registry) -> None:
    fill(registry)
    query = "?short=1&page=1&per_page=10"
    assert links(client_of, ("192.0.2.0/24",), FORWARDED) == (
        f"https://builds.example.org:8443/mbs{PREFIX}/2/module-builds/{query}",
        f"/mbs{PREFIX}/2/module-builds/2",
    )
    inner = f"http://inner.example.org{PREFIX}/2/module-builds/{query}", f"{PREFIX}/2/module-builds/2"
    assert links(client_of, (), FORWARDED) == inner
    assert links(client_of, ("192.0.2.0/24",), FORWARDED, peer="198.51.100.1") == inner


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Script-Name": "//elsewhere.example.org"},
        {"X-Script-Name": '/a"onclick='},
        {"X-Forwarded-Host": "a.example.org/../b"},
        {"X-Forwarded-Host": 'a"b'},
        {"X-Scheme": "javascript"},
    ],
)
def test_what_cannot_be_a_part_of_a_link_gets_into_none(
    client_of: Clients, registry: Registry, headers: dict[str, str]
) -> None:
    fill(registry)
    assert links(client_of, ("192.0.2.0/24",), headers) == links(client_of, (), {})


def test_parameters_without_end_are_refused(client: TestClient) -> None:
    ids = "&".join(f"state={number}" for number in range(3_000))
    assert len(ids) > LONGEST_QUERY
    assert client.get(f"/1/module-builds/?{ids}").status_code == 414


def test_what_a_browser_shows_it_takes_for_what_it_is(client: TestClient) -> None:
    assert client.get("/1/about/").headers["x-content-type-options"] == "nosniff"


def test_the_page_of_the_api_is_all_from_here(mounted: TestClient) -> None:
    page = mounted.get(f"{PREFIX}/docs").text
    origin = f"http://mbs.example.org{PREFIX}/"
    wanted = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(wanted) == 3
    for url in wanted:
        assert url.startswith(origin)
        assert mounted.get(url).status_code == 200
    (document,) = re.findall(r"url: '([^']*)'", page)
    assert mounted.get(document).json()["servers"] == [{"url": PREFIX}]
