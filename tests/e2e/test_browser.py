"""What a packager does and sees in the UI."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from mbs.registry import ComponentFilter, ModuleState
from tests.e2e.world import World, module
from tools.stack import secrets

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 30_000
"""Milliseconds; the UI of a machine that builds at the same time is slow."""


@pytest.fixture
def page(world: World) -> Iterator[Page]:
    """A browser that is logged in."""
    if not CHROMIUM:
        pytest.skip("There is no chromium: `make clients` installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1700, "height": 1000})
        opened.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        opened.goto(f"{world.layout.ui_url}/auth/login")
        opened.fill("input[name=username]", "admin")
        opened.fill("input[name=password]", secrets.password(world.layout, "admin"))
        opened.click("button[type=submit]")
        opened.wait_for_url(lambda url: "login" not in url)
        yield opened
        browser.close()


def picture(world: World, page: Page, name: str) -> None:
    """Keep a screenshot in var/e2e."""
    page.wait_for_timeout(2500)
    page.screenshot(path=world.layout.var / f"{name}.png")


@pytest.mark.faults
def test_submit_through_the_form_see_a_failure_and_retry_it_in_the_graph(world: World, page: Page) -> None:
    world.packages("grumpy", "gentle")
    ui = world.layout.ui_url
    page.goto(f"{ui}/dags/submit_module")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.locator("[role=dialog][data-state=open]")
    form.locator("#element_modulemd").fill(module("clicked", {"grumpy": {}, "gentle": {}}))
    picture(world, page, "form")
    with world.fault("build_faults", [{"kind": "fail", "package": "grumpy", "arch": "x86_64"}]):
        form.get_by_role("button", name="Trigger").last.click()
        row = world.api.until(
            lambda: [one for one in world.registry.builds.find().items if one.nsvc.name == "clicked"],
            "the module build",
            90,
        )[0]
        build = world.followed(row.id)
        assert world.ends(build) == "failed"

    page.goto(f"{ui}/dags/{build.dag_id}/runs/{quote(build.run_id)}")
    page.get_by_label("Show Graph").click()
    page.get_by_label("Expand all task groups").click()
    expect(page.get_by_text("grumpy.x86_64").first).to_be_visible()
    picture(world, page, "failed")

    page.get_by_label("Press shift+c to clear").click()
    dialog = page.locator("[role=dialog][data-state=open]")
    dialog.get_by_role("button", name="Clear only failed tasks").click()
    dialog.get_by_role("button", name="Confirm").click()
    world.api.until(lambda: world.row(build).state is ModuleState.READY, "the retry", 180)
    assert world.ends(build) == "success"
    expect(page.get_by_text("Success").first).to_be_visible()
    picture(world, page, "succeeded")


@pytest.mark.faults
def test_a_task_that_is_held_shows_its_log_and_leads_to_koji(world: World, page: Page) -> None:
    world.packages("lasting")
    task = "batch_1.lasting.x86_64"
    with world.fault("build_faults", [{"kind": "slow", "package": "lasting", "seconds": 30}]):
        build = world.paste(module("watched", {"lasting": {}}))
        world.reaches(build, task, "running")
        place = f"{world.layout.ui_url}/dags/{build.dag_id}/runs/{quote(build.run_id)}/tasks"
        page.goto(f"{place}/{task}")
        expect(page.get_by_text(re.compile("(Submitted lasting|Attached) to Koji (as )?task")).first).to_be_visible()
        page.goto(f"{place}/{task}/details")
        [component] = world.registry.components.find(ComponentFilter(build.build_id, "lasting")).items
        expect(page.get_by_role("link", name="Koji task")).to_have_attribute(
            "href", re.compile(f"taskID={component.task_id}$")
        )
        assert world.states(build)[task] == "running"
    assert world.ends(build) == "success"
    page.reload()
    for name in ("Koji build", "Koji task", "Koji logs"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    page.goto(f"{place}/prepare.create_tag/details")
    expect(page.get_by_text("CreateTagOperator").first).to_be_visible()
    expect(page.get_by_text("Extra Links")).to_have_count(0)
