"""Batches and edges: MBS's own example, and laws that hold for any module."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.components.order import Place, places
from mbs.components.tree import ModuleTree
from mbs.model.document import ModuleComponent, Modulemd, RpmComponent
from mbs.model.errors import Unprocessable


def rpm(name: str, order: int = 0, after: tuple[str, ...] = ()) -> RpmComponent:
    return RpmComponent(name, buildorder=order, buildafter=after)


def tree_of(*rpms: RpmComponent, **included: tuple[ModuleComponent, ModuleTree]) -> ModuleTree:
    modules = tuple(component for component, _ in included.values())
    document = Modulemd("m", "1", rpms=tuple(sorted(rpms, key=lambda one: one.name)), modules=modules)
    return ModuleTree(document, {name: below for name, (_, below) in included.items()})


def batches(tree: ModuleTree) -> dict[str, int]:
    return {name: place.batch for name, place in places(tree).items()}


def test_the_worked_example_of_mbs_with_an_included_module() -> None:
    below = tree_of(rpm("perl-A"), rpm("perl-B"), rpm("tangerine", 10))
    tree = tree_of(rpm("foo"), rpm("file", 10), fakemodule=(ModuleComponent("fakemodule"), below))
    assert batches(tree) == {"foo": 1, "perl-A": 1, "perl-B": 1, "tangerine": 2, "file": 3}


def test_distinct_build_orders_become_consecutive_batches() -> None:
    assert batches(tree_of(rpm("a", 50), rpm("b", -7), rpm("c"), rpm("d", 50))) == {"b": 1, "c": 2, "a": 3, "d": 3}


def test_no_batch_is_empty_where_an_included_module_begins_with_another_order() -> None:
    tree = tree_of(rpm("a"), inner=(ModuleComponent("inner", buildorder=5), tree_of(rpm("x"), rpm("y", 1))))
    assert batches(tree) == {"a": 1, "x": 2, "y": 3}


def test_buildafter_gives_exact_edges_and_the_longest_chain_as_batch() -> None:
    tree = tree_of(rpm("a"), rpm("b", after=("a",)), rpm("c", after=("b", "a")), rpm("d"))
    assert places(tree) == {
        "a": Place(1),
        "b": Place(2, ("a",)),
        "c": Place(3, ("a", "b")),
        "d": Place(1),
    }


def test_an_included_module_is_after_and_before_as_a_whole() -> None:
    below = tree_of(rpm("x"), rpm("y", after=("x",)))
    tree = tree_of(rpm("a"), rpm("z", after=("in",)), **{"in": (ModuleComponent("in", buildafter=("a",)), below)})
    assert {name: place.after for name, place in places(tree).items()} == {
        "a": (),
        "x": ("a",),
        "y": ("x",),
        "z": ("x", "y"),
    }


def test_a_component_and_an_included_module_of_one_name_are_both_waited_for() -> None:
    below = tree_of(rpm("x"))
    tree = tree_of(rpm("perl"), rpm("z", after=("perl",)), perl=(ModuleComponent("perl"), below))
    assert places(tree)["z"].after == ("perl", "x")


def test_a_circle_is_named() -> None:
    tree = tree_of(rpm("a", after=("c",)), rpm("b", after=("a",)), rpm("c", after=("b",)), rpm("d", after=("a",)))
    with pytest.raises(Unprocessable, match="goes in a circle: a after c after b after a"):
        places(tree)


def test_a_component_cannot_be_after_itself() -> None:
    with pytest.raises(Unprocessable, match="goes in a circle: a after a"):
        places(tree_of(rpm("a", after=("a",))))


def test_all_unknown_names_are_told() -> None:
    with pytest.raises(Unprocessable) as caught:
        places(tree_of(rpm("a", after=("x", "y")), rpm("b", after=("z",))))
    assert [problem.where for problem in caught.value.problems] == [
        "data.components.rpms.a.buildafter",
        "data.components.rpms.b.buildafter",
    ]
    assert "x, y" in str(caught.value)


def test_both_ways_cannot_be_mixed_not_even_through_an_included_module() -> None:
    tree = tree_of(rpm("a", 1), inner=(ModuleComponent("inner"), tree_of(rpm("x"), rpm("y", after=("x",)))))
    with pytest.raises(Unprocessable, match='"buildorder" is used by a; "buildafter" by y'):
        places(tree)


@given(st.lists(st.integers(-5, 5), max_size=30))
def test_a_higher_build_order_is_a_later_batch_and_batches_have_no_gaps(orders: list[int]) -> None:
    found = batches(tree_of(*(rpm(f"p{number}", order) for number, order in enumerate(orders))))
    for one, first in enumerate(orders):
        for other, second in enumerate(orders):
            assert (first < second) == (found[f"p{one}"] < found[f"p{other}"])
    assert set(found.values()) == set(range(1, len(set(orders)) + 1))


@given(st.data())
def test_any_graph_without_circles_is_placed_after_all_that_it_names(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    edges = [data.draw(st.sets(st.integers(0, n - 1), max_size=4)) if n else set() for n in range(count)]
    found = places(tree_of(*(rpm(f"p{n}", after=tuple(f"p{e}" for e in edges[n])) for n in range(count))))
    for number, earlier in enumerate(edges):
        place = found[f"p{number}"]
        assert set(place.after) == {f"p{e}" for e in earlier}
        assert place.batch == 1 + max((found[name].batch for name in place.after), default=0)
