"""What a document becomes, against a small universe of modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mbs.expansion.result import Expansion
from mbs.model.document import Modulemd
from mbs.model.errors import InvalidRequest, Refused, Unprocessable
from mbs.model.registered import MemoryProvider, RegisteredModule
from mbs.settings import Settings
from tests.mbs.expansion.conftest import Listed, MakeDocument, MakeModule, expand

"""The fixtures `module` and `document`."""

Modules = list[RegisteredModule]

F28, F29 = {"platform": ["f28"]}, {"platform": ["f29"]}


@pytest.fixture
def two_releases(module: MakeModule) -> list[RegisteredModule]:
    """Streams 1 and 2 of gtk and foo, each built on f28 and on f29; the versions start with the release's number."""
    built = [
        module(f"{name}:{stream}:{version}:{context}", {"platform": [release]}, on=release)
        for name in ("gtk", "foo")
        for stream in ("1", "2")
        for version, context, release in ((28, "c8", "f28"), (29, "c9", "f29"))
    ]
    return [module("platform:f28:0:00000000"), module("platform:f29:0:00000000"), *built]


def built_against(expansion: Expansion) -> list[list[str]]:
    return [[str(one.nsvc) for one in result.buildrequires.values()] for result in expansion.results]


def streams(expansion: Expansion) -> list[set[str]]:
    return [{one.nsvc.name_stream for one in result.buildrequires.values()} for result in expansion.results]


def expand_over(document: Modulemd, modules: Iterable[RegisteredModule], **options: Any) -> Expansion:
    return expand(document, MemoryProvider(modules), **options)


class TestDocumentedExamples:
    """§8.4: how runtime requires follow what is built against."""

    @pytest.mark.parametrize(
        ("build", "run", "expected"),
        [
            (["f28", "f29"], ["f28", "f29"], [(("f28",), ("f28",)), (("f29",), ("f29",))]),
            (["f28", "f29"], ["f29"], [(("f28",), ("f29",)), (("f29",), ("f29",))]),
            (["f29"], ["f28", "f29"], [(("f29",), ("f28", "f29"))]),
            (["f28", "f29"], [], [(("f28",), ()), (("f29",), ())]),
            ([], [], [(("f28",), ("f28",)), (("f29",), ("f29",))]),
            (["-f28"], ["-f28"], [(("f29",), ("f29",))]),
            (["-f28"], ["-f27"], [(("f29",), ("-f27",))]),
        ],
    )
    def test_requires_follow_only_where_the_same_streams_are_listed(
        self, document: MakeDocument, two_releases: Modules, build: list[str], run: list[str], expected: list[object]
    ) -> None:
        expansion = expand_over(document(({"platform": build}, {"platform": run})), two_releases)
        pairs = [result.dependencies for result in expansion.results]
        assert [(pair.buildrequires["platform"], pair.requires["platform"]) for pair in pairs] == expected

    def test_requires_of_what_is_not_built_against_stay_as_written(
        self, document: MakeDocument, two_releases: Modules
    ) -> None:
        expansion = expand_over(document((F28, {"gtk": ["-1"], "foo": []})), two_releases)
        assert expansion.results[0].dependencies.requires == {"gtk": ("-1",), "foo": ()}

    def test_contexts_are_those_of_mbs(self, document: MakeDocument, two_releases: Modules) -> None:
        pair = ({"platform": ["f28"], "gtk": ["1", "2"]}, {"gtk": ["1", "2"]})
        expansion = expand_over(document(pair), two_releases)
        assert [result.context for result in expansion.results] == ["e1e005fb", "ce132a1e"]

    @pytest.mark.parametrize(
        ("build", "expected"),
        [
            ({"platform": ["f28"], "gtk": ["1", "2"]}, [{"platform:f28", "gtk:1"}, {"platform:f28", "gtk:2"}]),
            ({"platform": ["f28"], "gtk": ["-2"], "foo": ["-2"]}, [{"platform:f28", "gtk:1", "foo:1"}]),
            ({"platform": ["f29"], "gtk": ["1", "-1"]}, [{"platform:f29", "gtk:1"}]),
            ({"platform": ["f29"], "gtk": ["-7"]}, [{"platform:f29", "gtk:1"}, {"platform:f29", "gtk:2"}]),
            (
                {"platform": ["f28"], "gtk": ["2", "1"], "foo": ["1"]},
                [{"platform:f28", "gtk:2", "foo:1"}, {"platform:f28", "gtk:1", "foo:1"}],
            ),
            ({"platform": [], "gtk": ["1"]}, [{"platform:f28", "gtk:1"}, {"platform:f29", "gtk:1"}]),
        ],
    )
    def test_every_combination_of_streams_is_built(
        self, document: MakeDocument, two_releases: Modules, build: Listed, expected: list[set[str]]
    ) -> None:
        assert streams(expand_over(document((build, {})), two_releases)) == expected


class TestResults:
    def test_of_each_stream_the_newest_version_with_its_contexts_counts(
        self, document: MakeDocument, module: MakeModule
    ) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            module("gtk:1:1:old", F29, on="f29"),
            module("gtk:1:2:unfit", {"platform": ["f28"]}, on="f29"),
            module("gtk:1:2:fit", F29, on="f29"),
        ]
        expansion = expand_over(document(({"platform": ["f29"], "gtk": ["1"]}, {})), modules)
        assert built_against(expansion) == [["gtk:1:2:fit", "platform:f29:0:00000000"]]

    def test_a_release_that_was_registered_anew_keeps_its_builds(
        self, document: MakeDocument, module: MakeModule
    ) -> None:
        """As Fedora 29, where half of the modules were built on platform:f29:4 and half on platform:f29:5."""
        modules = [module("platform:f29:6:00000000"), module("gtk:1:1:c", F29, on="f29")]
        expansion = expand_over(document(({"platform": ["f29"], "gtk": ["1"]}, {})), modules)
        assert built_against(expansion) == [["gtk:1:1:c", "platform:f29:6:00000000"]]

    def test_an_older_version_is_not_fallen_back_to(self, document: MakeDocument, module: MakeModule) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            module("gtk:1:1:old", F29, on="f29"),
            module("gtk:1:2:new", {**F29, "lost": ["1"]}, on="f29"),
        ]
        with pytest.raises(Unprocessable, match="gtk:1:2:new requires lost:1"):
            expand_over(document(({"platform": ["f29"], "gtk": ["1"]}, {})), modules)

    def test_what_buildrequires_require_is_built_against_too(self, document: MakeDocument, module: MakeModule) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            module("gtk:1:1:c", {"platform": ["f29"], "cairo": ["1"]}, on="f29"),
            module("cairo:1:1:c", {"platform": ["f29"], "pixman": []}, on="f29"),
            module("pixman:3:1:c", F29, on="f29"),
        ]
        expansion = expand_over(document(({"platform": ["f29"], "gtk": ["1"]}, {})), modules)
        assert streams(expansion) == [{"platform:f29", "gtk:1", "cairo:1", "pixman:3"}]

    def test_a_module_may_be_built_against_another_stream_of_itself(
        self, document: MakeDocument, module: MakeModule
    ) -> None:
        modules = [module("platform:f29:0:00000000"), module("app:0:1:c", F29, on="f29")]
        expansion = expand_over(document(({"platform": ["f29"], "app": ["0"]}, {})), modules)
        assert streams(expansion) == [{"platform:f29", "app:0"}]

    def test_without_a_base_module_in_the_pair_the_first_that_works_is_taken(
        self, document: MakeDocument, two_releases: Modules
    ) -> None:
        """§9, "First": a platform that is not asked for does not multiply."""
        expansion = expand_over(document(({"gtk": ["1"]}, {}), (F28, {}), (F29, {})), two_releases)
        assert streams(expansion)[0] == {"gtk:1", "platform:f29"}
        assert len(expansion.results) == 3

    @pytest.mark.parametrize("seed", range(3))
    def test_the_order_does_not_depend_on_the_order_of_registration(
        self, document: MakeDocument, two_releases: Modules, seed: int
    ) -> None:
        shuffled = two_releases[seed * 2 :] + two_releases[: seed * 2]
        wanted = document(({"platform": [], "gtk": [], "foo": []}, {}))
        assert built_against(expand_over(wanted, shuffled)) == built_against(expand_over(wanted, two_releases))


class TestSeveralPairs:
    def test_each_result_has_only_its_own_pair(self, document: MakeDocument, two_releases: Modules) -> None:
        pairs = [({**F28, "gtk": ["1"]}, {"gtk": ["1"]}), ({**F29, "gtk": ["2"]}, {"gtk": ["2"]})]
        expansion = expand_over(document(*pairs), two_releases)
        assert [dict(result.dependencies.requires) for result in expansion.results] == [
            {"gtk": ("1",)},
            {"gtk": ("2",)},
        ]
        assert len({result.contexts.runtime_context for result in expansion.results}) == 2

    def test_a_pair_without_buildrequires_does_not_hide_the_others(
        self, document: MakeDocument, two_releases: Modules
    ) -> None:
        expansion = expand_over(document(({}, {}), (F28, {}), (F29, {})), two_releases)
        assert streams(expansion) == [set(), {"platform:f28"}, {"platform:f29"}]

    def test_pairs_that_overlap_give_each_build_once(self, document: MakeDocument, two_releases: Modules) -> None:
        pairs: list[tuple[Listed, Listed]] = [({**F28, "gtk": ["1", "2"]}, {}), ({**F28, "gtk": ["2"]}, {})]
        assert streams(expand_over(document(*pairs), two_releases)) == [
            {"platform:f28", "gtk:1"},
            {"platform:f28", "gtk:2"},
        ]

    def test_an_impossible_pair_leaves_the_others(self, document: MakeDocument, two_releases: Modules) -> None:
        expansion = expand_over(document(({**F28, "gtk": ["9"]}, {}), (F29, {})), two_releases)
        assert streams(expansion) == [{"platform:f29"}]
        assert [(one.pair, one.combination) for one in expansion.unsatisfied] == [(0, {"gtk": "9"})]

    def test_a_registered_module_needs_one_of_its_pairs_whole(
        self, document: MakeDocument, module: MakeModule, two_releases: Modules
    ) -> None:
        mess = module("mess:1:1:c", {"platform": ["f28"], "gtk": ["1"]}, {"platform": ["f29"], "gtk": ["2"]}, on="f29")
        expansion = expand_over(document(({"platform": [], "mess": ["1"]}, {})), [*two_releases, mess])
        assert streams(expansion) == [{"platform:f28", "mess:1", "gtk:1"}, {"platform:f29", "mess:1", "gtk:2"}]


class TestDiamondsAndCycles:
    def test_modules_that_require_each_other_are_both_taken(self, document: MakeDocument, module: MakeModule) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            module("a:1:1:c", {**F29, "b": ["1"]}, on="f29"),
            module("b:1:1:c", {**F29, "a": ["1"]}, on="f29"),
        ]
        expansion = expand_over(document(({"platform": ["f29"], "a": ["1"]}, {})), modules)
        assert streams(expansion) == [{"platform:f29", "a:1", "b:1"}]

    def test_every_stream_is_looked_up_once(self, document: MakeDocument, module: MakeModule) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            *(module(f"{side}:1:1:c", {**F29, "bottom": ["1"]}, on="f29") for side in ("left", "right")),
            module("top:1:1:c", {**F29, "left": ["1"], "right": ["1"]}, on="f29"),
            module("bottom:1:1:c", F29, on="f29"),
        ]
        provider = CountingProvider(modules)
        expansion = expand(document(({"platform": ["f29"], "top": ["1"]}, {})), provider)
        assert streams(expansion) == [{"platform:f29", "top:1", "left:1", "right:1", "bottom:1"}]
        assert sorted(provider.asked) == [(name, "1") for name in ("bottom", "left", "right", "top")]


class TestReasons:
    def test_conflicting_requires_name_both_modules_and_who_wants_them(
        self, document: MakeDocument, module: MakeModule
    ) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            module("gtk:1:1:c", {**F29, "bar": ["1"]}, on="f29"),
            module("foo:1:1:c", {**F29, "baz": ["1"]}, on="f29"),
            module("baz:1:1:c", {**F29, "bar": ["2"]}, on="f29"),
            module("bar:1:1:c", F29, on="f29"),
            module("bar:2:1:c", F29, on="f29"),
            module("fine:1:1:c", F29, on="f29"),
        ]
        wanted = document(({"platform": ["f29"], "gtk": ["1"], "fine": ["1"], "foo": ["1"]}, {}))
        with pytest.raises(Unprocessable) as refused:
            expand_over(wanted, modules)
        assert [str(problem) for problem in refused.value.problems[1:]] == [
            (
                "platform:f29, gtk:1, foo:1: bar:1:1:c (required by gtk:1:1:c) and bar:2:1:c (required by baz:1:1:c) "
                "exclude each other"
            )
        ]

    def test_one_impossible_combination_leaves_the_others(self, document: MakeDocument, module: MakeModule) -> None:
        modules = [
            module("platform:f29:0:00000000"),
            *(module(f"gtk:{n}:1:c", {**F29, "bar": [n]}, on="f29") for n in "12"),
            *(module(f"foo:{n}:1:c", {**F29, "bar": [n]}, on="f29") for n in "12"),
            *(module(f"bar:{n}:1:c", F29, on="f29") for n in "12"),
        ]
        expansion = expand_over(document(({"platform": ["f29"], "gtk": [], "foo": []}, {})), modules)
        assert streams(expansion) == [
            {"platform:f29", "gtk:1", "foo:1", "bar:1"},
            {"platform:f29", "gtk:2", "foo:2", "bar:2"},
        ]
        assert [dict(one.combination) for one in expansion.unsatisfied] == [
            {"platform": "f29", "gtk": "1", "foo": "2"},
            {"platform": "f29", "gtk": "2", "foo": "1"},
        ]

    def test_a_module_not_built_on_a_new_release_is_left_out_there(
        self, document: MakeDocument, module: MakeModule, two_releases: Modules
    ) -> None:
        expansion = expand_over(
            document(({"platform": [], "gtk": ["1"]}, {})), [*two_releases, module("platform:f30:0:00000000")]
        )
        assert streams(expansion) == [{"platform:f28", "gtk:1"}, {"platform:f29", "gtk:1"}]
        assert [dict(one.combination) for one in expansion.unsatisfied] == [{"platform": "f30", "gtk": "1"}]
        assert "platform:f29:0:00000000 (required by gtk:1:29:c9)" in expansion.unsatisfied[0].reason

    @pytest.mark.parametrize(
        ("build", "reason"),
        [
            ({"gtk": ["9"]}, "gtk:9: Cannot find any module builds for gtk:9"),
            ({"nothing": []}, "Cannot find any module builds for nothing"),
            ({"nothing": ["-1"]}, "Cannot find any module builds for nothing"),
            ({"broken": ["1"]}, "platform:f28, broken:1: broken:1:1:c requires lost:1, which nothing here provides"),
        ],
    )
    def test_what_is_missing_is_named(
        self, document: MakeDocument, module: MakeModule, two_releases: Modules, build: Listed, reason: str
    ) -> None:
        broken = module("broken:1:1:c", {**F28, "lost": ["1"]}, on="f28")
        with pytest.raises(Unprocessable) as refused:
            expand_over(document(({**F28, **build}, {})), [*two_releases, broken])
        first, *why = (str(problem) for problem in refused.value.problems)
        assert first.startswith("No dependency combination was satisfied.")
        assert why == [reason]

    def test_a_missing_base_module_says_which(self, document: MakeDocument, two_releases: Modules) -> None:
        with pytest.raises(Unprocessable) as refused:
            expand_over(document(({"platform": ["f99"]}, {})), two_releases)
        assert str(refused.value) == (
            "None of the base module (platform) streams in the buildrequires section could be found.  "
            "Missing streams are (platform:f99)."
        )

    def test_a_missing_release_leaves_the_others(self, document: MakeDocument, two_releases: Modules) -> None:
        expansion = expand_over(document(({"platform": ["f99", "f29"]}, {})), two_releases)
        assert streams(expansion) == [{"platform:f29"}]
        assert str(expansion.unsatisfied[0]) == "platform:f99: Cannot find any module builds for platform:f99"


class TestLimit:
    def test_too_many_builds_are_refused_with_what_multiplies(
        self, document: MakeDocument, two_releases: Modules
    ) -> None:
        with pytest.raises(Refused) as refused:
            expand_over(
                document(({"platform": [], "gtk": [], "foo": ["1"]}, {})),
                two_releases,
                settings=Settings(max_builds=3).expansion,
            )
        assert "expands to 4 module builds, more than the 3 allowed: 2 platform (f28, f29) x 2 gtk (1, 2)." in str(
            refused.value
        )

    def test_too_many_combinations_are_refused_before_they_are_tried(
        self, document: MakeDocument, two_releases: Modules
    ) -> None:
        with pytest.raises(Unprocessable, match="expands to 8 combinations of streams, more than the 7 allowed"):
            expand_over(
                document(({"platform": [], "gtk": [], "foo": []}, {})),
                two_releases,
                settings=Settings(max_combinations=7).expansion,
            )

    def test_what_overlapping_pairs_give_twice_counts_once(self, document: MakeDocument, two_releases: Modules) -> None:
        pair: Any = ({**F28, "gtk": ["1", "2"]}, {})
        settings = Settings(max_builds=2).expansion
        assert len(expand_over(document(pair, pair), two_releases, settings=settings).results) == 2


class TestStaticContexts:
    def test_the_packagers_context_is_kept_and_the_hashes_are_made(
        self, document: MakeDocument, two_releases: Modules
    ) -> None:
        expansion = expand_over(document(({**F28, "gtk": ["1"]}, {}), context="mine"), two_releases, static=True)
        (result,) = expansion.results
        assert (result.context, result.static) == ("mine", True)
        assert len(result.contexts.build_context) == 40

    def test_a_static_context_cannot_name_several_builds(self, document: MakeDocument, two_releases: Modules) -> None:
        with pytest.raises(InvalidRequest, match=r'"mine" names one module build, but .* 2 combinations'):
            expand_over(document(({"platform": []}, {}), context="mine"), two_releases, static=True)

    def test_a_static_context_has_to_be_there(self, document: MakeDocument, two_releases: Modules) -> None:
        with pytest.raises(InvalidRequest, match="has to name it"):
            expand_over(document((F28, {})), two_releases, static=True)


class CountingProvider(MemoryProvider):
    """Remembers which streams were looked up."""

    def __init__(self, modules: Sequence[RegisteredModule]) -> None:
        super().__init__(modules)
        self.asked: list[tuple[str, str]] = []

    def builds(self, name: str, stream: str) -> tuple[RegisteredModule, ...]:
        self.asked.append((name, stream))
        return super().builds(name, stream)


def test_a_retired_build_is_not_built_against(document: MakeDocument, two_releases: Modules) -> None:
    gone = [replace(one, retired=True) for one in two_releases if one.nsvc.name == "gtk"]
    with pytest.raises(Unprocessable, match="Cannot find any module builds for gtk:1"):
        expand_over(document(({**F28, "gtk": ["1"]}, {})), [*two_releases[:2], *gone])
