"""What `make bench` runs when nothing is named."""

from __future__ import annotations

from importlib import import_module

from tools.bench.__main__ import PAGE, available, page
from tools.bench.figures import Figure


def test_whatever_is_no_support_of_others_is_a_measurement() -> None:
    assert available()
    assert [
        name for name in available() if not callable(getattr(import_module(f"tools.bench.{name}"), "run", None))
    ] == []


def test_the_page_keeps_what_was_not_measured_again() -> None:
    before = PAGE.read_text()
    after = page(before, {"waiting": [Figure("one look", 0.5, "s")]})
    assert "| one look | 0.5 s |  |  |" in after
    assert _titles(after) == _titles(before)
    assert after.partition("## waiting")[0] == before.partition("## waiting")[0]


def _titles(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]
