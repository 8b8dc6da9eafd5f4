"""Which tasks a module build has, and what waits for what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mbs.model.plan import BuildPlan, PlannedComponent, Publication, ranked
from mbs.planning.graph import Kind, Node, graph

Plans = Callable[..., BuildPlan]
Components = Callable[..., PlannedComponent]


def nodes_of(plan: BuildPlan) -> dict[str, Node]:
    nodes = list(graph(plan))
    assert len({node.task_id for node in nodes}) == len(nodes)
    return {node.task_id: node for node in nodes}


def ancestors(nodes: dict[str, Node], task_id: str) -> set[str]:
    found: set[str] = set()
    waiting = [task_id]
    while waiting:
        for upstream in nodes[waiting.pop()].upstream:
            if upstream not in found:
                found.add(upstream)
                waiting.append(upstream)
    return found


def test_a_module_of_two_batches_has_exactly_these_tasks_in_this_order(plan: Plans, component: Components) -> None:
    assert list(nodes_of(plan([component("libgreet", 1), component("greet", 2, arches=("x86_64",))]))) == [
        "prepare.create_tag",
        "prepare.link_dependencies",
        "prepare.reuse_components",
        "macros.build.noarch",
        "macros.repo",
        "batch_1.libgreet.x86_64",
        "batch_1.libgreet.aarch64",
        "batch_1.repo",
        "batch_2.greet.x86_64",
        "batch_2.repo",
        "publish.final_modulemd",
        "publish.import_build",
        "publish.mark_ready",
        "record_failure",
    ]


def test_every_task_comes_after_those_it_waits_for(plan: Plans, component: Components) -> None:
    seen: set[str] = set()
    for node in graph(plan([component(f"c{number}", 1 + number // 3) for number in range(9)])):
        assert seen.issuperset(node.upstream)
        seen.add(node.task_id)


def test_nothing_of_a_batch_waits_for_more_than_the_one_gate_before_it(plan: Plans, component: Components) -> None:
    nodes = nodes_of(plan([component("a", 1), component("b", 1), component("c", 4)]))
    assert nodes["batch_1.b.aarch64"].upstream == ("macros.repo",)
    assert nodes["batch_4.c.x86_64"].upstream == ("batch_1.repo",)
    assert nodes["batch_1.repo"].gate_for == ("a", "b")
    assert nodes["publish.final_modulemd"].upstream == ("batch_4.repo",)


def test_a_module_without_components_needs_neither_macros_nor_a_repository(plan: Plans) -> None:
    nodes = nodes_of(plan([]))
    assert {node.kind for node in nodes.values()}.isdisjoint({Kind.BUILD_MACROS, Kind.REPO})
    assert nodes["publish.final_modulemd"].upstream == ("prepare.link_dependencies",)


def test_a_component_for_none_of_the_arches_does_not_open_its_gate_early(plan: Plans, component: Components) -> None:
    nodes = nodes_of(plan([component("a", 1), component("b", 2, arches=())]))
    assert nodes["batch_2.repo"].upstream == ("batch_1.repo",)


def test_buildafter_waits_for_exactly_the_named_components(plan: Plans, component: Components) -> None:
    nodes = nodes_of(
        plan(
            [
                component("a", 1),
                component("b", 1),
                component("loner", 1),
                component("c", 2, after=("a",)),
                component("d", 2, after=("a", "b")),
                component("e", 3, after=("c",)),
            ]
        )
    )
    assert nodes["batch_1.loner.x86_64"].upstream == ("macros.repo",)
    assert nodes["batch_2.c.x86_64"].upstream == ("batch_1.a.repo",)
    assert nodes["batch_2.d.x86_64"].upstream == ("batch_1.a.repo", "batch_1.b.repo")
    assert "batch_1.b.repo" not in ancestors(nodes, "batch_3.e.x86_64")
    gates = [node for node in nodes.values() if node.kind is Kind.REPO and node.task_id != "macros.repo"]
    assert sorted(name for gate in gates for name in gate.gate_for) == ["a", "b", "c", "d", "e", "loner"]
    assert nodes["batch_3.repo"].gate_for == ("loner", "d", "e")
    assert ancestors(nodes, "publish.final_modulemd") >= {task for task in nodes if task.startswith("batch_")}


@pytest.mark.parametrize(
    ("name", "task_id"),
    [
        ("python3.11", "batch_1.python3.11.x86_64"),
        ("gtk+", "batch_1.gtk_2b.x86_64"),
        ("libstdc++", "batch_1.libstdc_2b_2b.x86_64"),
        ("mod_ssl", "batch_1.mod_ssl.x86_64"),
    ],
)
def test_every_legal_package_name_has_a_legal_id(plan: Plans, component: Components, name: str, task_id: str) -> None:
    assert task_id in nodes_of(plan([component(name)]))


def test_the_task_ids_do_not_depend_on_the_options_of_the_build(plan: Plans, component: Components) -> None:
    components = [component("a", 1), component("b", 2)]
    usual = list(nodes_of(plan(components)))
    other = plan(components, scratch=True, owner="bob", rebuild_strategy="all", side_tag="x", koji_priority=3)
    assert list(nodes_of(other)) == usual


def test_what_holds_up_more_is_more_urgent_and_gates_are_the_most_urgent(plan: Plans, component: Components) -> None:
    nodes = nodes_of(plan([component("slow", 1, priority=900), component("quick", 1, priority=30)]))
    slow, quick = nodes["batch_1.slow.x86_64"].priority, nodes["batch_1.quick.x86_64"].priority
    assert nodes["batch_1.repo"].priority > slow > quick


def test_components_of_equal_priority_are_built_one_after_the_other(plan: Plans, component: Components) -> None:
    components = [component("one", 1), component("two", 1), component("three", 1)]
    nodes = nodes_of(plan(ranked(components, {"one": 10, "two": 10, "three": 10**9})))
    arches = ("x86_64", "aarch64")
    one, two, three = (
        {nodes[f"batch_1.{name}.{arch}"].priority for arch in arches} for name in ("one", "two", "three")
    )
    assert len(one) == len(two) == 1, "the arches of a component are next to each other"
    assert max(two) < max(one) < max(three) < 2**31


def test_a_person_is_asked_only_where_the_plan_says_so(plan: Plans, component: Components) -> None:
    publication = Publication("1", "1.c0ffee42", needs_approval=True)
    nodes = nodes_of(plan([component("a")], publication=publication))
    assert nodes["publish.approve"].upstream == ("publish.import_build",)
    assert nodes["publish.mark_ready"].upstream == ("publish.approve",)
    assert "publish.approve" not in nodes_of(plan([component("a")]))
