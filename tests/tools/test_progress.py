"""What the demo shows of a build."""

from __future__ import annotations

import io

from msgspec.structs import replace
from rich.console import Console

from tools.bench.dags import plan_of
from tools.demo.progress import Phase, lines
from tools.demo.view import PlainView, table

STATES: dict[str, str | None] = {
    "prepare.create_tag": "success",
    "macros.repo": "success",
    "batch_1.component-0.aarch64": "success",
    "batch_1.component-0.x86_64": "deferred",
    "batch_1.component-0.s390x": "skipped",
    "batch_1.component-0.ppc64le": "failed",
}


def test_every_component_says_what_it_waits_for_until_it_has_begun() -> None:
    shown = {line.name: line for line in lines(plan_of(10), STATES)}
    assert shown["component-0"].waits_for == ""
    assert shown["component-0"].phases["s390x"] is Phase.SKIPPED
    assert shown["component-1"].waits_for == "batch 1"


def test_without_a_terminal_each_change_is_one_line() -> None:
    output = io.StringIO()
    view = PlainView(Console(file=output, width=200))
    view.show(lines(plan_of(10), {}))
    view.show(lines(plan_of(10), STATES))
    view.show(lines(plan_of(10), STATES))
    printed = output.getvalue().splitlines()
    assert len(printed) == len(STATES)
    assert any(line.split()[-3:] == ["component-0", "ppc64le", "failed"] for line in printed)


def test_arches_that_go_on_together_share_a_line() -> None:
    output = io.StringIO()
    plan = plan_of(10)
    view = PlainView(Console(file=output, width=20))
    view.show(lines(plan, {f"batch_1.component-0.{arch}": "deferred" for arch in plan.arches}))
    [line] = output.getvalue().splitlines()
    assert line.endswith(f"{', '.join(plan.components[0].arches)}  running"), "and a narrow pipe breaks no line"


def test_components_that_are_taken_over_are_marked_at_once() -> None:
    shown = {line.name: line for line in lines(plan_of(10), STATES, {"component-1"})}
    assert set(shown["component-1"].phases.values()) == {Phase.REUSED}
    assert shown["component-1"].waits_for == ""
    assert Phase.REUSED not in shown["component-0"].phases.values()


def test_the_table_has_a_row_for_every_component_and_step() -> None:
    plan = plan_of(10)
    shown = lines(plan, STATES)
    assert table("Building", plan.arches, shown).row_count == len(shown)


def test_the_question_to_a_person_says_who_is_waited_for_and_where_to_answer() -> None:
    plan = plan_of(1)
    plan = replace(plan, publication=replace(plan.publication, needs_approval=True))
    waits = "Waits for carol to approve it: http://localhost:8080/dags/x/runs/y/tasks/publish.approve/required_actions"
    output = io.StringIO()
    view = PlainView(Console(file=output, width=20))
    for state in ("running", "awaiting_input", "awaiting_input"):
        view.show(lines(plan, {"publish.approve": state}, reason=waits))
    assert output.getvalue().splitlines()[-1].endswith(waits)
    assert output.getvalue().count(waits) == 1
    shown = {line.name: line for line in lines(plan, {"publish.approve": "awaiting_input"}, reason=waits)}
    question = shown["approval"]
    assert question.phases == {"": Phase.ASKING}
    assert "approval" not in {line.name for line in lines(plan_of(1), {})}
