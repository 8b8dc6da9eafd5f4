from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mbs.model.registered import MemoryProvider

Make = Callable[..., Any]


def test_builds_come_newest_version_first_then_by_context(module: Make) -> None:
    provider = MemoryProvider(module(nsvc) for nsvc in ("gtk:1:9:a", "gtk:1:10:b", "gtk:1:10:a", "gtk:2:1:a"))
    assert [str(one.nsvc) for one in provider.builds("gtk", "1")] == ["gtk:1:10:a", "gtk:1:10:b", "gtk:1:9:a"]
    assert provider.streams("gtk") == ("1", "2")


def test_what_is_unknown_has_nothing(module: Make) -> None:
    provider = MemoryProvider([module("gtk:1:1:c")])
    assert (provider.streams("foo"), provider.builds("gtk", "2"), provider.base_modules("foo")) == ((), (), ())


def test_of_each_release_the_newest_ready_build_counts_and_a_retired_one_if_there_is_no_other(module: Make) -> None:
    provider = MemoryProvider(
        [
            module("platform:f28:1:c", retired=True),
            module("platform:f29:1:c"),
            module("platform:f29:2:c"),
            module("platform:f29:3:c", retired=True),
        ]
    )
    assert [str(one.nsvc) for one in provider.base_modules("platform")] == ["platform:f29:2:c", "platform:f28:1:c"]
    assert provider.streams("platform") == ("f29",)
