"""A browser opens the links that rpkg prints, and a web UI of another origin reads the lists and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Page, sync_playwright

from tests.clients.conftest import Served
from tests.served import serving

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
READ = "async url => (await (await fetch(url)).json()).items.map(one => one.name)"
WRITE = """async url => {
    try { return (await fetch(url, {method: 'POST', body: '{"branch": "1"}'})).status }
    catch (error) { return 'refused' }
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not CHROMIUM:
        pytest.skip("There is no chromium: `make clients` installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_an_item_is_shown(served: Served, page: Page) -> None:
    [platform] = served.get("1/module-builds/", name="platform").json()["items"]
    answer = page.goto(f"{served.url}/1/module-builds/{platform['id']}")
    assert answer is not None
    assert answer.status == 200
    assert '"name":"platform"' in page.content()


def test_a_page_of_another_origin_reads_and_does_not_write(served: Served, page: Page) -> None:
    elsewhere = FastAPI()
    elsewhere.get("/", response_class=HTMLResponse)(lambda: "<title>Another web UI</title>")
    before = served.registry.builds.find().total
    with serving(elsewhere) as origin:
        page.goto(origin)
        assert "platform" in page.evaluate(READ, f"{served.url}/1/module-builds/?short=true&per_page=40")
        refused = page.evaluate(WRITE, f"{served.url}/2/module-builds/")
    assert refused in {403, "refused"}
    assert served.registry.builds.find().total == before


def test_the_page_of_the_api_is_complete_and_takes_nothing_from_elsewhere(served: Served, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served.url}/docs")
    page.get_by_text("/{version}/module-builds/").first.wait_for(timeout=20_000)
    ours = served.url.partition("/module-build-service")[0]
    assert [url for url in asked if not url.startswith((ours, "data:"))] == []
