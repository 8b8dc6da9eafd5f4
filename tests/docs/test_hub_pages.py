"""Runs what pages tell their readers to type into a terminal beside a devhub."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import (
    ADMINISTRATOR,
    Command,
    Page,
    Place,
    environment,
    follow,
    make_checkout,
    matches,
    pages_with,
)

pytestmark = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="a page builds a package")

BARE = {
    "users": {"kojiadmin": {"permissions": ["admin"]}, "mbs": {}},
    "btypes": ["rpm", "maven", "win", "image"],
    "tags": {"module-f40-build": {}},
}
"""A hub whose administrator has not heard of modules yet."""

USUAL = Command("devhub serve", None)


@contextmanager
def serving(start: Command, checkout: Path, *options: str) -> Iterator[None]:
    """Start devhub as a page says, but on a free port."""
    words = [sys.executable, "-m", "devhub.cli", *shlex.split(start.line)[1:], "--port", "0", *options]
    with subprocess.Popen(words, cwd=checkout, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.readline() + process.stdout.readline()
        try:
            assert printed.startswith("Koji hub: http://127.0.0.1:")
            assert start.expected is None or matches(start.expected, printed), printed
            yield
        finally:
            process.terminate()


@pytest.mark.parametrize("page", pages_with(Place.DEVHUB), ids=str)
def test_what_a_page_shows_beside_a_devhub_is_what_happens(page: Page, tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    options = []
    if not (starts := page.commands(Place.SERVER)):
        (checkout / "bare.yaml").write_text(yaml.safe_dump(BARE))
        options = ["--config", "bare.yaml"]
    with serving(starts[0] if starts else USUAL, checkout, *options):
        follow([ADMINISTRATOR, *page.commands(Place.DEVHUB)], checkout, environment(tmp_path))


@pytest.mark.parametrize(
    "start", [start for page in pages_with(Place.SERVER) for start in page.commands(Place.SERVER)[1:]], ids=str
)
def test_other_ways_to_start_a_devhub_start_it(start: Command, tmp_path: Path) -> None:
    with serving(start, make_checkout(tmp_path)):
        pass
