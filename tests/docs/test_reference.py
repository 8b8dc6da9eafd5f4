"""The generated pages are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reference import pages


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run: python -m tools.reference"
