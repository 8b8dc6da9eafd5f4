from __future__ import annotations

import pytest

from mbs.expansion.requirement import Requirement
from tests.mbs.expansion.conftest import MakeModule


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
