"""What strangers put into addresses and headers: answered, and never a fault of ours."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

LISTS = ("module-builds", "component-builds")


@pytest.mark.parametrize("items", LISTS)
@pytest.mark.parametrize("page", ["1000000000", "1" + "0" * 30, "-" + "9" * 30, "0", "x", "", "1e9", "\u0663"])
@pytest.mark.parametrize("size", ["10", "0", "9" * 30])
def test_pages_far_away_are_empty_or_the_first(reader: TestClient, items: str, page: str, size: str) -> None:
    answer = reader.get(f"/2/{items}/", params={"page": page, "per_page": size})
    assert answer.status_code == 200
    assert answer.json()["meta"]["total"] > 0


@pytest.mark.parametrize("items", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        *(
            "name=%00",
            "package=%00",
            "name=%FF%FE",
            "name=%ED%A0%80",
            "owner=\u200b\u202e",
            "=",
            "&&&",
            "name",
            "%",
            "%zz",
        ),
        "state=%0d%0aSet-Cookie:%20a=b",
        "name=" + "%F0%9F%8E%89" * 1000,
        "owner='%20OR%201=1;--",
    ],
)
def test_no_text_of_a_query_is_a_fault(reader: TestClient, items: str, query: str) -> None:
    assert reader.get(f"/2/{items}/?{query}").status_code in {200, 400}


@pytest.mark.parametrize("build_id", ["0", "9" * 19, "9" * 400, "00000002"])
def test_no_id_is_a_fault(reader: TestClient, build_id: str) -> None:
    assert reader.get(f"/2/module-builds/{build_id}").status_code in {200, 404}
    assert reader.get(f"/2/component-builds/{build_id}").status_code in {200, 404}


@pytest.mark.parametrize(
    "path", ["/9999999999999999999999/about/", "/2/module-builds/%2e%2e/1", "/2/\u00fc/", "/%00/", "//2/"]
)
def test_no_path_is_a_fault(reader: TestClient, path: str) -> None:
    answer = reader.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


def test_a_redirect_cannot_be_made_to_set_headers_or_to_lead_elsewhere(reader: TestClient) -> None:
    answer = reader.get("/2/module-builds?x=%0d%0aSet-Cookie:%20a=b", follow_redirects=False)
    assert answer.headers["location"] == "/2/module-builds/?x=%0d%0aSet-Cookie:%20a=b"
    assert "set-cookie" not in answer.headers
    assert (
        reader.get("http://testserver//elsewhere.example.org/2/module-builds", follow_redirects=False).status_code
        == 404
    )


def test_links_quote_what_they_repeat(reader: TestClient) -> None:
    answer = reader.get('/2/module-builds/?owner="><script>&owner=%0d%0a')
    link = answer.json()["meta"]["first"]
    assert not set(link) & set('"<>\r\n ')


def test_thousands_of_parameters_are_read_or_refused(reader: TestClient) -> None:
    assert reader.get("/2/module-builds/?" + "&".join("state=3" for _ in range(2000))).status_code == 200
    assert reader.get("/2/module-builds/?" + "&".join(f"id={one}" for one in range(1_000, 6_000))).status_code == 414
