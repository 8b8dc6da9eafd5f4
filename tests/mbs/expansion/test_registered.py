from __future__ import annotations

import pytest

from mbs.model.registered import BuildRequire, MemoryProvider
from tests.mbs.expansion.conftest import MakeModule


def test_builds_come_newest_version_first_then_by_context(module: MakeModule) -> None:
    provider = MemoryProvider(module(nsvc) for nsvc in ("gtk:1:9:a", "gtk:1:10:b", "gtk:1:10:a", "gtk:2:1:a"))
    assert [str(one.nsvc) for one in provider.builds("gtk", "1")] == ["gtk:1:10:a", "gtk:1:10:b", "gtk:1:9:a"]
    assert provider.streams("gtk") == ("1", "2")


def test_what_is_unknown_has_nothing(module: MakeModule) -> None:
    provider = MemoryProvider([module("gtk:1:1:c")])
    assert (provider.streams("foo"), provider.builds("gtk", "2"), provider.base_modules("foo")) == ((), (), ())


def test_of_each_release_the_newest_ready_build_counts_and_a_retired_one_if_there_is_no_other(
    module: MakeModule,
) -> None:
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


def test_buildrequires_are_written_as_mbs_writes_them_and_read_again() -> None:
    gtk = BuildRequire("gtk", "1", 28, "c8", "module-gtk-1-28-c8", "0123abc")
    assert gtk.entry == {
        "ref": "0123abc",
        "stream": "1",
        "version": "28",
        "context": "c8",
        "koji_tag": "module-gtk-1-28-c8",
    }
    assert BuildRequire.read("gtk", gtk.entry | {"filtered_rpms": ["gtk-0:1-1"]}) == gtk


@pytest.mark.parametrize("entry", [None, [], {}, {"stream": 1, "version": 1}, {"stream": "1", "version": "-1"}])
def test_what_names_no_build_is_not_read(entry: object) -> None:
    with pytest.raises(ValueError, match="needs a stream and a version"):
        BuildRequire.read("gtk", entry)
