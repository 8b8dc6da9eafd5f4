"""Releases: which platforms are built for, and what was built on which of them may be used."""

from __future__ import annotations

import pytest

from mbs.expansion.base_modules import resolve_virtual_streams
from mbs.expansion.result import Expansion
from mbs.model.errors import Unprocessable
from mbs.model.registered import MemoryProvider, RegisteredModule
from mbs.settings import Settings
from tests.mbs.expansion.conftest import Listed, MakeDocument, MakeModule, expand

Modules = list[RegisteredModule]

ANY_RELEASE = Settings(allow_only_compatible_base_modules=False).expansion


@pytest.fixture
def el8(module: MakeModule) -> Modules:
    """Three minor releases of el8 and one of el7; gtk was built on the first and the last, mess on the middle one."""
    requires = {"platform": ["el8"]}
    return [
        *(module(f"platform:{stream}:0:00000000", virtual=["el8"]) for stream in ("el8.0.0", "el8.1.0", "el8.2.0.z")),
        module("platform:el7.6.0:0:00000000", virtual=["el7"]),
        module("gtk:3:1:c0", requires, on="el8.0.0"),
        module("gtk:3:2:c2", requires, on="el8.2.0.z"),
        module("mess:1:1:c1", {**requires, "gtk": ["3"]}, on="el8.1.0"),
    ]


def builds(expansion: Expansion) -> list[set[str]]:
    return [{str(one.nsvc) for one in result.buildrequires.values()} for result in expansion.results]


@pytest.mark.parametrize(
    ("platform", "wanted", "used"),
    [
        ("el8.0.0", {"gtk": ["3"]}, {"gtk:3:1:c0"}),
        ("el8.1.0", {"gtk": ["3"]}, {"gtk:3:1:c0"}),
        ("el8.2.0.z", {"gtk": ["3"]}, {"gtk:3:2:c2"}),
        ("el8.1.0", {"mess": ["1"]}, {"mess:1:1:c1", "gtk:3:1:c0"}),
        ("el8.2.0.z", {"mess": ["1"]}, {"mess:1:1:c1", "gtk:3:2:c2"}),
        ("el8.1.0", {}, set()),
    ],
)
def test_what_was_built_on_an_older_minor_release_may_be_used(
    document: MakeDocument, el8: Modules, platform: str, wanted: Listed, used: set[str]
) -> None:
    expansion = expand(document(({"platform": [platform], **wanted}, {})), MemoryProvider(el8))
    assert builds(expansion) == [{f"platform:{platform}:0:00000000", *used}]


def test_what_was_built_on_a_newer_minor_release_may_not(document: MakeDocument, el8: Modules) -> None:
    with pytest.raises(Unprocessable, match=r"mess:1: Cannot find any module builds for mess:1 .* mess:1:1:c1"):
        expand(document(({"platform": ["el8.0.0"], "mess": ["1"]}, {})), MemoryProvider(el8))


def test_several_minor_releases_give_what_each_would_give_alone(document: MakeDocument, el8: Modules) -> None:
    """In MBS what was built on the newest of them hides what the older ones can use (§8.2)."""
    releases = ["el8.2.0.z", "el8.1.0", "el8.0.0"]
    together = expand(document(({"platform": releases, "gtk": ["3"]}, {})), MemoryProvider(el8))
    alone = [expand(document(({"platform": [one], "gtk": ["3"]}, {})), MemoryProvider(el8)) for one in releases]
    assert builds(together) == [build for expansion in alone for build in builds(expansion)]


def test_another_major_release_is_never_compatible(document: MakeDocument, module: MakeModule, el8: Modules) -> None:
    modules = [*el8, module("platform:el9.0.0:0:00000000", virtual=["el8", "el9"])]
    with pytest.raises(Unprocessable, match="Cannot find any module builds for gtk:3"):
        expand(document(({"platform": ["el9.0.0"], "gtk": ["3"]}, {})), MemoryProvider(modules))


def test_virtual_streams_need_releases_that_can_be_ordered(document: MakeDocument, module: MakeModule) -> None:
    with pytest.raises(Unprocessable, match=r"platform:f29 is not in x\.y\.z format"):
        expand(
            document(({"platform": ["f29"]}, {})),
            MemoryProvider([module("platform:f29:0:00000000", virtual=["fedora"])]),
        )


class TestAnyReleaseWithACommonVirtualStream:
    """`allow_only_compatible_base_modules=False`, as in Fedora."""

    @pytest.fixture
    def fedora(self, module: MakeModule) -> Modules:
        return [
            module("platform:f27:0:00000000", virtual=["fedora"], retired=True),
            module("platform:f28:0:00000000", virtual=["fedora"]),
            module("platform:f29:0:00000000", virtual=["fedora"]),
            module("old:1:1:c", {"platform": []}, on="f27"),
            module("new:1:1:c", {"platform": []}, on="f29"),
            module("bound:1:1:c", {"platform": ["f29"]}, on="f29"),
        ]

    @pytest.mark.parametrize("name", ["old", "new"])
    def test_what_runs_anywhere_is_used_wherever_it_was_built(
        self, document: MakeDocument, fedora: Modules, name: str
    ) -> None:
        wanted = document(({"platform": ["f28"], name: ["1"]}, {}))
        assert builds(expand(wanted, MemoryProvider(fedora), settings=ANY_RELEASE)) == [
            {"platform:f28:0:00000000", f"{name}:1:1:c"}
        ]

    def test_what_requires_its_release_is_used_there_only(self, document: MakeDocument, fedora: Modules) -> None:
        expansion = expand(
            document(({"platform": [], "bound": ["1"]}, {})), MemoryProvider(fedora), settings=ANY_RELEASE
        )
        assert builds(expansion) == [{"platform:f29:0:00000000", "bound:1:1:c"}]
        assert [dict(one.combination) for one in expansion.unsatisfied] == [{"platform": "f28", "bound": "1"}]

    def test_nothing_is_built_for_a_retired_release(self, document: MakeDocument, fedora: Modules) -> None:
        expansion = expand(document(({"platform": []}, {})), MemoryProvider(fedora), settings=ANY_RELEASE)
        assert builds(expansion) == [{"platform:f28:0:00000000"}, {"platform:f29:0:00000000"}]
        with pytest.raises(Unprocessable, match="platform:f27"):
            expand(document(({"platform": ["f27"]}, {})), MemoryProvider(fedora), settings=ANY_RELEASE)


class TestVirtualStreams:
    @pytest.mark.parametrize(
        ("listed", "expected"),
        [
            (["el8"], ("el8.2.0.z",)),
            (["el8.1.0"], ("el8.1.0",)),
            (["el8", "el8.2.0.z", "el7"], ("el8.2.0.z", "el7.6.0")),
            (["-el8"], ("-el8",)),
            (["unknown"], ("unknown",)),
            ([], ()),
        ],
    )
    def test_a_virtual_stream_becomes_the_newest_release_that_has_it(
        self, document: MakeDocument, el8: Modules, listed: list[str], expected: tuple[str, ...]
    ) -> None:
        pairs = document(({"platform": listed, "gtk": ["el8"]}, {"platform": listed})).dependencies
        (pair,) = resolve_virtual_streams(pairs, MemoryProvider(el8), Settings().expansion)
        assert pair.buildrequires == {"platform": expected, "gtk": ("el8",)}
        assert pair.requires == {"platform": tuple(listed)}

    def test_a_retired_release_is_not_taken_for_a_virtual_stream(
        self, document: MakeDocument, module: MakeModule
    ) -> None:
        provider = MemoryProvider(
            [
                module("platform:el8.1.0:0:00000000", virtual=["el8"]),
                module("platform:el8.2.0:0:00000000", virtual=["el8"], retired=True),
            ]
        )
        (result,) = expand(document(({"platform": ["el8"]}, {"platform": ["el8"]})), provider).results
        assert result.dependencies.buildrequires == {"platform": ("el8.1.0",)}
        assert result.dependencies.requires == {"platform": ("el8",)}


def test_excluded_releases_are_left_out_unless_they_are_named(document: MakeDocument, module: MakeModule) -> None:
    provider = MemoryProvider([module(f"platform:{stream}:0:00000000") for stream in ("f28", "f29", "eln")])
    settings = Settings(base_module_stream_exclusions=("eln",)).expansion
    assert builds(expand(document(({"platform": ["-f28"]}, {})), provider, settings=settings)) == [
        {"platform:f29:0:00000000"}
    ]
    assert builds(expand(document(({"platform": ["eln"]}, {})), provider, settings=settings)) == [
        {"platform:eln:0:00000000"}
    ]
