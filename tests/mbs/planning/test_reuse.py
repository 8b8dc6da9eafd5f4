"""The rebuild strategies: what is taken over, what is built again, and why."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mbs.components.record import content_ids
from mbs.model.plan import PlannedComponent, Strategy
from mbs.planning.reuse import ModuleFacts, Refusal, Reused, accepted_contexts, choose_previous, reusable

ARCHES = ("x86_64", "s390x")


def component(name: str, batch: int = 1, ref: str | None = "0", *after: str) -> PlannedComponent:
    return PlannedComponent(name, f"https://x/{name}?#{ref}", ref, batch, after=after, arches=ARCHES)


def facts(*components: PlannedComponent, macros: str | None = None) -> ModuleFacts:
    ids = content_ids(components, macros)
    return ModuleFacts(tuple(replace(one, content_id=ids[one.name]) for one in components), macros)


def reused(new: ModuleFacts, previous: ModuleFacts | None, strategy: str = "changed-and-after") -> set[str]:
    decisions = reusable(new, previous, Strategy(strategy))
    assert list(decisions) == [one.name for one in new.components]
    return {name for name, decision in decisions.items() if isinstance(decision, Reused)}


def reason(new: ModuleFacts, previous: ModuleFacts | None, name: str, strategy: str = "changed-and-after") -> str:
    decision = reusable(new, previous, Strategy(strategy))[name]
    assert isinstance(decision, Refusal)
    return decision.reason.removeprefix(f"Cannot reuse the component {name} because ")


BEFORE = facts(component("a"), component("b"), component("c", 2), component("d", 3))


def test_an_unchanged_module_is_reused_whole() -> None:
    decisions = reusable(BEFORE, BEFORE, Strategy.CHANGED_AND_AFTER)
    assert decisions == {one.name: Reused(one) for one in BEFORE.components}
    assert reused(BEFORE, BEFORE, "only-changed") == set("abcd")


def test_all_reuses_nothing() -> None:
    assert reused(BEFORE, BEFORE, "all") == set()
    assert reason(BEFORE, BEFORE, "a", "all") == 'the module rebuild strategy is "all".'


def test_a_changed_commit_rebuilds_the_component_and_all_later_batches() -> None:
    new = facts(component("a"), component("b", 1, "1"), component("c", 2), component("d", 3))
    assert reused(new, BEFORE) == {"a"}
    assert reason(new, BEFORE, "b") == "the commit hash changed since the last build"
    assert reason(new, BEFORE, "d") == "a component in a previous batch has been added, removed, or rebuilt"
    assert reused(new, BEFORE, "only-changed") == set("acd")


@pytest.mark.parametrize("name", ["b", "e"])
def test_an_added_or_removed_component_rebuilds_later_batches(name: str) -> None:
    names = set("ab") ^ {name}
    new = facts(*(component(one) for one in sorted(names)), component("c", 2), component("d", 3))
    assert reused(new, BEFORE) == names & set("ab")
    assert reused(new, BEFORE, "only-changed") == names & set("ab") | set("cd")


def test_a_change_in_the_last_batch_rebuilds_nothing_else() -> None:
    new = facts(component("a"), component("b"), component("c", 2), component("d", 3), component("e", 3))
    assert reused(new, BEFORE) == set("abcd")
    assert reason(new, BEFORE, "e") == "a previous build of it can't be found in the database"


def test_another_batch_is_another_surrounding() -> None:
    new = facts(component("a"), component("b"), component("c", 2), component("d", 2))
    assert reason(new, BEFORE, "d") == "it is being built in a different batch than in the compatible module build"
    assert "d" in reused(new, BEFORE, "only-changed")


@pytest.mark.parametrize("strategy", ["changed-and-after", "only-changed"])
def test_other_macros_rebuild_everything(strategy: str) -> None:
    new = facts(*BEFORE.components, macros="%with_tests 0")
    assert reused(new, BEFORE, strategy) == set()
    wanted = "the modulemd's macros are different than those of the compatible module build"
    assert reason(new, BEFORE, "a", strategy) == wanted
    assert reused(facts(*BEFORE.components, macros=""), BEFORE, strategy) == set("abcd")


def test_other_arches_rebuild_the_component() -> None:
    new = facts(replace(component("a"), arches=("x86_64",)), component("b"), component("c", 2), component("d", 3))
    assert reused(new, BEFORE) == {"b"}
    assert (
        reason(new, BEFORE, "a", "only-changed") == "its architectures have changed since the compatible module build"
    )
    swapped = replace(component("a"), arches=ARCHES[::-1])
    assert "a" in reused(facts(swapped, *BEFORE.components[1:]), BEFORE)


def test_with_buildafter_only_the_chain_of_a_change_is_rebuilt() -> None:
    before = facts(component("a"), component("b"), component("c", 2, "0", "a"), component("d", 3, "0", "c"))
    changed = facts(component("a"), component("b", 1, "1"), component("c", 2, "0", "a"), component("d", 3, "0", "c"))
    assert reused(changed, before) == set("acd")
    rooted = facts(component("a", 1, "1"), component("b"), component("c", 2, "0", "a"), component("d", 3, "0", "c"))
    assert reused(rooted, before) == {"b"}
    another = facts(component("a"), component("b"), component("c", 2, "0", "b"), component("d", 3, "0", "c"))
    assert reused(another, before) == set("ab")


def test_uploaded_srpms_are_never_reused_and_neither_is_what_follows() -> None:
    upload = replace(component("a", 1, None), source="cli-build/1/a.src.rpm")
    again = replace(component("a", 1, None), source="cli-build/2/a.src.rpm")
    rest = (component("b"), component("c", 2))
    assert reused(facts(upload, *rest), facts(again, *rest)) == {"b"}
    assert "a" not in reused(facts(upload, *rest), facts(upload, *rest), "only-changed")


def test_without_an_earlier_build_everything_is_built() -> None:
    assert reused(BEFORE, None) == set()


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=25))
def test_a_component_is_reused_exactly_if_it_and_all_batches_before_are_unchanged(
    wanted: list[tuple[int, bool]],
) -> None:
    numbered = [(f"p{number:02}", batch, changed) for number, (batch, changed) in enumerate(wanted)]
    old = facts(*(component(name, batch) for name, batch, _ in numbered))
    new = facts(*(component(name, batch, "1" if changed else "0") for name, batch, changed in numbered))
    first = min((batch for _, batch, changed in numbered if changed), default=9)
    assert reused(new, old) == {name for name, batch, changed in numbered if not changed and batch <= first}


@dataclass(frozen=True)
class Build:
    name: str
    build_context: str | None
    completed: int
    rebuild_strategy: str = "all"
    scmurl: str | None = "https://x"

    @property
    def time_completed(self) -> dt.datetime:
        return dt.datetime(2026, 1, self.completed, tzinfo=dt.UTC)


def test_the_build_completed_last_with_the_preferred_context_is_chosen() -> None:
    old, new, other = Build("old", "x", 1), Build("new", "x", 2), Build("other", "y", 9)
    assert choose_previous([old, new, other], ["x", "y"], Strategy.CHANGED_AND_AFTER) is new
    assert choose_previous([old, new, other], ["y", "x"], Strategy.CHANGED_AND_AFTER) is other
    assert choose_previous([old, new, other], ["z"], Strategy.CHANGED_AND_AFTER) is None
    assert choose_previous([old, new, other], ["x"], Strategy.ALL) is None


def test_a_build_that_skipped_followers_is_no_base_for_changed_and_after() -> None:
    partial = Build("partial", "x", 9, rebuild_strategy="only-changed")
    whole = Build("whole", "x", 1, rebuild_strategy="changed-and-after")
    assert choose_previous([partial, whole], ["x"], Strategy.CHANGED_AND_AFTER) is whole
    assert choose_previous([partial, whole], ["x"], Strategy.ONLY_CHANGED) is partial


def test_a_pasted_build_is_no_base() -> None:
    assert choose_previous([Build("pasted", "x", 1, scmurl=None)], ["x"], Strategy.ONLY_CHANGED) is None


def test_each_compatible_base_module_is_put_in_on_its_own() -> None:
    streams = {"platform": "f28", "gtk": "1"}
    f28, f27 = accepted_contexts(streams, [("platform", "f28"), ("platform", "f27")])
    assert f28 == "ea432acebd83f89698537294e1c5e7e9a167c397"
    assert f27 == accepted_contexts({"platform": "f27", "gtk": "1"}, [("platform", "f27")])[0]
