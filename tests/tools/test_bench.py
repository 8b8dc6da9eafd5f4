"""What `make bench` runs when nothing is named."""

from __future__ import annotations

from importlib import import_module

from tools.bench.__main__ import available


def test_whatever_is_no_support_of_others_is_a_measurement() -> None:
    assert available()
    assert [
        name for name in available() if not callable(getattr(import_module(f"tools.bench.{name}"), "run", None))
    ] == []
