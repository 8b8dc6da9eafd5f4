from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.expansion.combinations import cheapest_first
from mbs.model.errors import Unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.registered import MemoryProvider
from tests.mbs.expansion.conftest import MakeDocument, MakeModule, expand


@given(st.lists(st.integers(1, 4), max_size=4))
def test_choices_come_cheapest_first_and_each_once(sizes: list[int]) -> None:
    choices = [tuple(NSVC(str(place), "1", 0, str(n)) for n in range(size)) for place, size in enumerate(sizes)]
    rank = {nsvc: n for choice in choices for n, nsvc in enumerate(choice)}
    listed = list(cheapest_first(choices, rank))
    assert [cost for cost, _ in listed] == sorted(sum(rank[one] for one in some) for some in product(*choices))
    assert {chosen for _, chosen in listed} == set(product(*choices))


def test_of_several_sets_the_one_with_the_smallest_sum_of_version_indexes_is_taken(
    document: MakeDocument, module: MakeModule
) -> None:
    """The first context of gtk fits only the third of lib, its second the first: 1 + 0 is less than 0 + 2 (§9)."""
    on = {"platform": ["f29"]}
    modules = [
        module("platform:f29:0:00000000"),
        *(module(f"mark:{stream}:1:c", on, on="f29") for stream in "12"),
        module("gtk:1:1:c0", {**on, "mark": ["1"]}, on="f29"),
        module("gtk:1:1:c1", {**on, "mark": ["2"]}, on="f29"),
        module("lib:1:1:c0", {**on, "mark": ["2"]}, on="f29"),
        module("lib:1:1:c1", {**on, "mark": ["3"]}, on="f29"),
        module("lib:1:1:c2", {**on, "mark": ["1"]}, on="f29"),
        module("mark:3:1:c", {**on, "nothing": ["1"]}, on="f29"),
    ]
    wanted = document(({"platform": ["f29"], "gtk": ["1"], "lib": ["1"]}, {}))
    (result,) = expand(wanted, MemoryProvider(modules)).results
    contexts = {name: one.nsvc.context for name, one in result.buildrequires.items()}
    assert (contexts["gtk"], contexts["lib"]) == ("c1", "c0")


def test_contexts_that_differ_only_by_age_give_the_newest(document: MakeDocument, module: MakeModule) -> None:
    """A pair without a base module: each release has its builds, and the newest release wins everywhere."""
    modules = [module(f"platform:f{n}:0:00000000") for n in (27, 28, 29)] + [
        module(f"{name}:1:{n}:c{n}", {"platform": [f"f{n}"]}, on=f"f{n}") for name in "abcd" for n in (27, 28, 29)
    ]
    wanted = document(({name: ["1"] for name in "abcd"}, {}), ({"platform": []}, {}))
    first = expand(wanted, MemoryProvider(modules)).results[0]
    assert {one.nsvc.version for name, one in first.buildrequires.items() if name != "platform"} == {29}


def test_every_conflict_of_one_combination_is_told(document: MakeDocument, module: MakeModule) -> None:
    """One stream each, so there is one combination: b cannot stand with a nor with c, and e not with d."""
    on = {"platform": ["f29"]}
    needs = {"a": {"left": ["1"]}, "b": {"left": ["2"], "right": ["1"]}, "c": {"right": ["2"]}}
    needs |= {"d": {"other": ["1"]}, "e": {"other": ["2"]}}
    modules = [
        module("platform:f29:0:00000000"),
        *(module(f"{name}:{n}:1:c", on, on="f29") for name in ("left", "right", "other") for n in (1, 2)),
        *(module(f"{name}:1:1:c", {**on, **wanted}, on="f29") for name, wanted in needs.items()),
    ]
    wanted = document(({**on, **{name: ["1"] for name in needs}}, {}))
    with pytest.raises(Unprocessable) as refused:
        expand(wanted, MemoryProvider(modules))
    conflicts = [str(problem) for problem in refused.value.problems[1:]]
    assert [[name for name in needs if f", {name}:1" in told] for told in conflicts] == [
        ["d", "e"],
        ["b", "c"],
        ["a", "b"],
    ]


def test_an_exclusion_of_the_only_stream_stays_at_run_time_and_gives_nothing_to_build_against(
    document: MakeDocument, module: MakeModule
) -> None:
    on = {"platform": ["f29"]}
    known = MemoryProvider([module("platform:f29:0:00000000"), module("gtk:1:1:c", on, on="f29")])
    (result,) = expand(document((on, {**on, "gtk": ["-1"]})), known).results
    assert result.dependencies.requires["gtk"] == ("-1",)
    with pytest.raises(Unprocessable, match="Cannot find any module builds for gtk"):
        expand(document(({**on, "gtk": ["-1"]}, {})), known)


def test_of_contexts_that_fit_alike_the_first_by_its_text_is_taken(document: MakeDocument, module: MakeModule) -> None:
    on = {"platform": ["f29"]}
    modules = [module(f"gtk:1:1:{context}", on, on="f29") for context in ("cc", "aa", "bb")]
    (result,) = expand(
        document(({**on, "gtk": ["1"]}, {})), MemoryProvider([*modules, module("platform:f29:0:0")])
    ).results
    assert result.buildrequires["gtk"].nsvc.context == "aa"
