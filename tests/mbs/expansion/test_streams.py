from __future__ import annotations

import re
from typing import Any

import pytest

from mbs.expansion.streams import Requirement, override, override_from_branch
from mbs.model.errors import InvalidRequest
from mbs.model.registered import MemoryProvider
from mbs.settings import Settings
from tests.mbs.expansion.conftest import MakeDocument, MakeModule, expand

BRANCHES = Settings(
    br_stream_override_regexes=(r"^stream-", r"^private-x-rhel-(\d+\.\d+)(?:-(z))?$", r"(f\d+)$")
).expansion


def overridden(pairs: Any, **options: Any) -> Any:
    return override(pairs, **{"buildrequires": {}, "requires": {}, "from_branch": {}, **options})


def test_an_override_replaces_the_streams_in_every_pair_that_has_the_module(document: MakeDocument) -> None:
    pairs = document(({"platform": ["f28"], "gtk": ["1"]}, {"gtk": ["1"]}), ({"platform": ["f29"]}, {})).dependencies
    first, second = overridden(pairs, buildrequires={"platform": ["f30", "f31"]}, requires={"gtk": []})
    assert (first.buildrequires, first.requires) == ({"platform": ("f30", "f31"), "gtk": ("1",)}, {"gtk": ()})
    assert (second.buildrequires, second.requires) == ({"platform": ("f30", "f31")}, {})


def test_overrides_that_apply_nowhere_are_all_named(document: MakeDocument) -> None:
    pairs = document(({"platform": ["f28"]}, {"gtk": ["1"]})).dependencies
    with pytest.raises(InvalidRequest) as refused:
        overridden(pairs, buildrequires={"b": [], "a": [], "platform": []}, requires={"platform": []})
    assert [problem.message for problem in refused.value.problems] == [
        "The buildrequire overrides for the following modules aren't applicable: a, b",
        "The require overrides for the following modules aren't applicable: platform",
    ]


@pytest.mark.parametrize(
    ("branch", "stream"),
    [
        ("private-x-rhel-8.1", "8.1"),
        ("private-x-rhel-8.1-z", "8.1z"),
        ("my-f29", "f29"),
        ("stream-f29", None),
        ("main", None),
        ("", None),
        (None, None),
    ],
)
def test_the_first_expression_that_matches_the_branch_gives_the_stream(branch: str | None, stream: str | None) -> None:
    assert override_from_branch(branch, BRANCHES) == ({"platform": (stream,)} if stream else {})


def test_no_module_to_override_means_no_override_from_branches() -> None:
    settings = Settings(br_stream_override_module="", br_stream_override_regexes=(r"(f\d+)",)).expansion
    assert override_from_branch("f29", settings) == {}


def test_the_branch_yields_to_the_submitter_and_is_silent_where_it_does_not_apply(document: MakeDocument) -> None:
    with_platform = document(({"platform": ["f28"]}, {})).dependencies
    without = document(({"gtk": ["1"]}, {})).dependencies
    from_branch = override_from_branch("f29", BRANCHES)
    (asked,) = overridden(with_platform, buildrequires={"platform": ["f30"]}, from_branch=from_branch)
    assert asked.buildrequires == {"platform": ("f30",)}
    assert overridden(without, from_branch=from_branch) == without


def test_overrides_decide_what_is_built(document: MakeDocument, module: MakeModule) -> None:
    provider = MemoryProvider([module(f"platform:{stream}:0:00000000") for stream in ("f28", "f29", "f30")])
    wanted = document(({"platform": ["f28"]}, {"platform": ["f28"]}), ({"platform": ["f29"]}, {"platform": ["f28"]}))
    expansion = expand(
        wanted,
        provider,
        settings=BRANCHES,
        buildrequire_overrides={"platform": ["f30"]},
        require_overrides={"platform": ["f30"]},
        branch="f29",
    )
    (result,) = expansion.results
    assert result.dependencies.requires == {"platform": ("f30",)}
    assert re.fullmatch("[0-9a-f]{8}", result.context)


@pytest.mark.parametrize(
    ("listed", "admitted"),
    [
        ([], {"1", "2", "3"}),
        (["1"], {"1"}),
        (["1", "3"], {"1", "3"}),
        (["-1"], {"2", "3"}),
        (["-1", "-3"], {"2"}),
        (["-1", "1", "2"], {"1", "2"}),
        (["-9"], {"1", "2", "3"}),
        (["9"], set()),
    ],
)
def test_a_list_of_streams_admits(module: MakeModule, listed: list[str], admitted: set[str]) -> None:
    need = Requirement.of("gtk", listed)
    assert {stream for stream in "123" if need.admits(module(f"gtk:{stream}:1:c"))} == admitted
    assert not need.admits(module("foo:1:1:c"))


@pytest.mark.parametrize(
    ("listed", "at_least", "admitted"),
    [
        (["el8"], None, {"el8.0.0", "el8.1.0", "el8.2.0"}),
        (["el8"], 80100.0, {"el8.1.0", "el8.2.0"}),
        (["el8.1.0"], 80100.0, {"el8.1.0"}),
        (["el8.0.0"], 80100.0, set()),
        ([], 80100.0, {"el8.0.0", "el8.1.0", "el8.2.0", "el9.0.0"}),
        (["-el8"], None, {"el9.0.0"}),
        (["el8", "el9"], 80200.0, {"el8.2.0", "el9.0.0"}),
    ],
)
def test_a_base_module_may_be_newer_than_the_one_built_on(
    module: MakeModule, listed: list[str], at_least: float | None, admitted: set[str]
) -> None:
    need = Requirement.of("platform", listed, virtual=True, at_least=at_least)
    releases = {"el8.0.0": "el8", "el8.1.0": "el8", "el8.2.0": "el8", "el9.0.0": "el9"}
    found = {s for s, virtual in releases.items() if need.admits(module(f"platform:{s}:0:c", virtual=[virtual]))}
    assert found == admitted


def test_virtual_streams_count_for_base_modules_only(module: MakeModule) -> None:
    assert not Requirement.of("gtk", ["any"]).admits(module("gtk:1:1:c", virtual=["any"]))


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (Requirement.of("gtk", []), "any gtk"),
        (Requirement.of("gtk", ["-1", "-2"]), "any gtk but 1, 2"),
        (Requirement.of("gtk", ["1", "2"]), "gtk:1 or gtk:2"),
        (Requirement.of("platform", ["el8"], at_least=80100.0), "platform:el8 of at least 80100"),
    ],
)
def test_it_reads_as_words(need: Requirement, words: str) -> None:
    assert str(need) == words
