"""Every block of the documentation says where it is run, and what needs no server is run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import SHELL, Page, Place, environment, follow, make_checkout, pages, pages_with

SHOWN = frozenset({"apache", "ini", "json", "mermaid", "text", "yaml"})
"""Languages of what is read and not typed."""


@pytest.mark.parametrize("page", pages_with(Place.ALONE), ids=str)
def test_what_a_page_shows_in_a_checkout_is_what_happens(page: Page, tmp_path: Path) -> None:
    page.write_files(make_checkout(tmp_path))
    follow(page.commands(Place.ALONE), tmp_path, environment(tmp_path))


@pytest.mark.parametrize("page", pages_with(Place.DRY), ids=str)
def test_make_knows_what_a_page_tells_it_to_do(page: Page, tmp_path: Path) -> None:
    follow(page.commands(Place.DRY), make_checkout(tmp_path), environment(tmp_path, MAKEFLAGS="n"))


@pytest.mark.parametrize("page", [page for page in pages() if page.python], ids=str)
def test_the_python_of_a_page_holds(page: Page) -> None:
    namespace: dict[str, object] = {"__name__": "example"}
    for text in page.python:
        exec(compile(text, str(page), "exec"), namespace)  # noqa: S102 - the page is ours


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_block_is_of_a_known_kind_and_what_is_typed_says_where_it_is_run(page: Page) -> None:
    for block in page.blocks:
        assert block.language in SHELL | SHOWN | {"python"}, block.text
        assert block.language not in SHELL or block.place or block.reason, block.text
    assert page.text.count("\n```") == 2 * len(page.blocks), "a fence without its end, or not at the begin of a line"
    assert page.indented == [], "a block without fences cannot say where it is run"


def test_hardly_anything_is_not_run() -> None:
    reasons = {str(page): [block.reason for block in page.blocks if block.reason] for page in pages()}
    assert {page: len(found) for page, found in reasons.items() if found} == {
        "CONTRIBUTING.md": 1,
        "docs/how-to/deploy.md": 3,
    }
