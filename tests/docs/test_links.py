"""Links lead somewhere, and every page is found from the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, pages

NAMED = re.compile(r"docs/[\w./-]*\w")


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it(page: Page) -> None:
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target).anchors, link


@pytest.mark.parametrize("index", ["docs", "docs/decisions"])
def test_the_index_of_a_folder_has_every_page_in_it(index: str) -> None:
    folder = ROOT / index
    listed = {(folder / link).resolve() for link in Page(folder / "README.md").links}
    decisions = set() if index == "docs/decisions" else set((ROOT / "docs" / "decisions").glob("0*.md"))
    assert set(folder.rglob("*.md")) - listed - decisions == {folder / "README.md"}


def test_every_page_that_code_and_settings_name_is_there() -> None:
    folders = ("mbs", "operators", "dags", "plugins", "devhub", "tools", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    files += [ROOT / name for name in ("Makefile", "airflow.cfg", "pyproject.toml")]
    named = {(name, str(path.relative_to(ROOT))) for path in files for name in NAMED.findall(path.read_text())}
    assert len(named) > 10
    assert {(name, path) for name, path in named if not _is_there(ROOT / name)} == set()


def test_every_section_that_the_code_cites_is_on_the_page_of_what_mbs_does() -> None:
    page = (ROOT / "docs" / "reference" / "mbs-behaviour.md").read_text()
    sections = set(re.findall(r"^#+ §([\d.]+) ", page, re.MULTILINE))
    cited = {
        (number, str(path.relative_to(ROOT)))
        for folder in ("mbs", "operators", "dags", "devhub", "tests", "docs/decisions")
        for path in (ROOT / folder).rglob("*.[pm][yd]")
        for number in re.findall(r"§(\d+(?:\.\d+)*)", path.read_text())
    }
    assert len(cited) > 50
    assert {(number, path) for number, path in cited if number not in sections} == set()


def _is_there(path: Path) -> bool:
    """Also by the number of a decision, docs/decisions/0001."""
    return path.exists() or any(path.parent.glob(f"{path.name}-*.md"))
