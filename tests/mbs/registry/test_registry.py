from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, event, text

from mbs.model.errors import ForbiddenTransition, InvalidRequest, NotFound, RegistryUnavailable, UnreadablePlan
from mbs.model.nsvc import NSVC
from mbs.modulemd.registered import StoredModules
from mbs.registry import (
    BuildFilter,
    ComponentFilter,
    ComponentState,
    Finished,
    ModuleState,
    Page,
    Registry,
    Work,
    engine_for,
)
from mbs.registry.migrate import config, is_current, upgrade
from mbs.registry.stored import RegistryStore
from tests.conftest import ROOT
from tests.mbs.registry.conftest import Submit


def test_the_migrations_make_exactly_the_tables_of_the_models(registry_engine: Engine) -> None:
    assert is_current(registry_engine)
    upgrade(registry_engine)  # again is no error
    with registry_engine.begin() as connection:
        command.check(config(connection))


def test_the_migrations_can_be_undone(registry_engine: Engine) -> None:
    with registry_engine.begin() as connection:
        command.downgrade(config(connection), "base")
    assert not is_current(registry_engine)
    upgrade(registry_engine)
    assert is_current(registry_engine)


def test_states_change_with_reason_time_and_by_whom(registry: Registry, submit: Submit) -> None:
    build_id = submit()[0].build.id
    registry.builds.transition(build_id, ModuleState.BUILD, None, "create_tag")
    row = registry.builds.transition(
        build_id, ModuleState.FAILED, "Component(s) alpha failed to build.", "record_failure"
    )
    assert row.time_completed is not None
    assert row.time_completed.utcoffset() == timedelta(0)
    last = registry.builds.trace(build_id)[-1]
    assert (last.state, last.reason, last.by) == (ModuleState.FAILED, row.state_reason, "record_failure")
    assert registry.builds.count_by_state() == {ModuleState.FAILED: 1}


def test_the_same_state_again_changes_nothing(registry: Registry, submit: Submit) -> None:
    build_id = submit()[0].build.id
    before = registry.builds.transition(build_id, ModuleState.BUILD, "first", "task")
    assert registry.builds.transition(build_id, ModuleState.BUILD, "second", "task") == before
    assert len(registry.builds.trace(build_id)) == 3


def test_a_forbidden_change_raises_and_leaves_no_trace(registry: Registry, submit: Submit) -> None:
    build_id = submit()[0].build.id
    with pytest.raises(ForbiddenTransition, match="example:1:20240102030405:9c690d0e is in state wait and cannot"):
        registry.builds.transition(build_id, ModuleState.READY, None, "task")
    assert len(registry.builds.trace(build_id)) == 2


def test_a_build_is_found_by_id_and_identity(registry: Registry, submit: Submit) -> None:
    build = submit()[0].build
    assert registry.builds.get(build.id) == registry.builds.get(build.nsvc) == build
    with pytest.raises(NotFound, match="no module build number 99"):
        registry.builds.get(99)
    with pytest.raises(NotFound, match="no module build a:b:1:c"):
        registry.builds.get(NSVC("a", "b", 1, "c"))


def test_builds_are_filtered_ordered_and_paged(registry: Registry, submit: Submit) -> None:
    for context in ("aaaa", "bbbb", "cccc"):
        submit(context)
    first = registry.builds.find(BuildFilter(context="aaaa")).items[0]
    registry.builds.transition(first.id, ModuleState.FAILED, "x", "task")
    assert registry.builds.find(BuildFilter(states=(ModuleState.FAILED,))).items == (registry.builds.get(first.id),)
    page = registry.builds.find(BuildFilter(name="example"), Page(number=2, size=2))
    assert (page.total, [build.nsvc.context for build in page.items]) == (3, ["aaaa"])
    ordered = registry.builds.find(page=Page(order_by=(("context", False),)))
    assert [build.nsvc.context for build in ordered.items] == ["aaaa", "bbbb", "cccc"]
    assert registry.builds.find(BuildFilter(submitted_after=first.time_submitted)).total == 3
    assert registry.builds.find(BuildFilter(submitted_before=first.time_submitted)).total == 1
    assert registry.builds.find(BuildFilter(koji_tags=(str(first.koji_tag).replace("aaaa", "bbbb"),))).total == 1
    with pytest.raises(InvalidRequest, match='An invalid ordering key of "colour" was supplied'):
        registry.builds.find(page=Page(order_by=(("colour", True),)))


def test_components_are_found_across_builds(registry: Registry, submit: Submit) -> None:
    submit("aaaa", "bbbb")
    found = registry.components.find(ComponentFilter(name="alpha", states=(None,)))
    assert (found.total, {component.name for component in found.items}) == (2, {"alpha"})


def test_the_bundle_sees_unfinished_builds_with_a_token_per_plan(registry: Registry, submit: Submit) -> None:
    first, second = (submit(context)[0].build for context in ("aaaa", "bbbb"))
    before = registry.builds.unfinished()
    registry.builds.transition(first.id, ModuleState.BUILD, None, "task")
    entries = registry.builds.unfinished()
    assert [entry.token for entry in entries] == [entry.token for entry in before], "a state is no change of the plan"
    assert entries[0].token != entries[1].token
    registry.builds.transition(second.id, ModuleState.FAILED, "x", "task")
    assert [entry.build_id for entry in registry.builds.unfinished()] == [first.id]
    kept = registry.builds.unfinished(finished_within=timedelta(hours=1))
    assert [entry.build_id for entry in kept] == [first.id, second.id]
    stored = registry.documents.plans([entry.build_id for entry in kept])
    assert [plan.nsvc.context for plan in stored] == ["aaaa", "bbbb"]
    assert stored[0].modulemd == "document: modulemd\n"


def test_a_scratch_build_is_finished_when_it_is_done(registry: Registry, submit: Submit) -> None:
    build_id = submit(scratch=True)[0].build.id
    for state in (ModuleState.BUILD, ModuleState.DONE):
        registry.builds.transition(build_id, state, None, "task")
    assert registry.builds.unfinished() == ()


def test_a_plan_that_cannot_be_read_names_its_build(
    registry: Registry, registry_engine: Engine, submit: Submit
) -> None:
    build = submit()[0].build
    with registry_engine.begin() as connection:
        connection.execute(text("UPDATE module_builds SET plan = '{}'"))
    with pytest.raises(UnreadablePlan, match=rf"of module build {build.id} \({build.nsvc}\) cannot be read"):
        registry.documents.plan(build.id)


def test_only_finished_builds_from_an_scm_are_candidates_for_reuse(registry: Registry, submit: Submit) -> None:
    ids = []
    for context in ("aaaa", "bbbb", "cccc"):
        build_id = submit(context)[0].build.id
        ids.append(build_id)
        if context != "cccc":
            for state in (ModuleState.BUILD, ModuleState.DONE, ModuleState.READY):
                registry.builds.transition(build_id, state, None, "task")
    assert [build.id for build in registry.builds.reusable("example", "1")] == [ids[1], ids[0]]
    registry.builds.retire(ids[1], by="robin")
    assert [build.id for build in registry.builds.reusable("example", "1")] == [ids[0]]


def test_messages_are_kept_for_people(registry: Registry, submit: Submit) -> None:
    build_id = submit()[0].build.id
    component = registry.components.of(build_id)[1]
    registry.messages.add(build_id, {None: "about the build"})
    registry.messages.add(build_id, {None: "about the build", component.id: "about alpha"})
    assert [row.message for row in registry.messages.of(build_id)] == ["about alpha", "about the build"]
    assert [row.message for row in registry.messages.of(build_id, component_id=component.id)] == ["about alpha"]


def test_what_is_done_in_one_transaction_is_done_together_or_not_at_all(registry: Registry, submit: Submit) -> None:
    build_id = submit()[0].build.id

    def finish(work: Work, state: ModuleState) -> None:
        work.components.finish(build_id, {"alpha": Finished(ComponentState.FAILED)})
        assert work.components.of(build_id)[1].state is ComponentState.FAILED, "it sees what it has done"
        work.builds.transition(build_id, state, "It failed.", "task")

    with pytest.raises(ForbiddenTransition), registry.transaction() as work:
        finish(work, ModuleState.GARBAGE)
    assert registry.components.of(build_id)[1].state is None
    with registry.transaction() as work:
        finish(work, ModuleState.FAILED)
    assert registry.components.of(build_id)[1].state is ComponentState.FAILED
    assert registry.builds.get(build_id).state is ModuleState.FAILED


def test_a_database_that_is_away_is_an_infrastructure_fault() -> None:
    away = Registry(engine_for("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(RegistryUnavailable, match="The registry's database does not answer"):
        away.builds.find()


MANY_BUILDS = """
    INSERT INTO module_builds
        (name, stream, version, context, state, owner, rebuild_strategy, modulemd, plan_digest)
    SELECT 'n' || n % 50, (n % 3)::text, n, 'c', CASE WHEN n % 500 = 0 THEN 2 ELSE 5 END, 'o', 'all', '', 'd'
    FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda engine: StoredModules(RegistryStore(engine, ["platform"])).builds("n99", "1"), "module_builds_ready"),
        (lambda engine: Registry(engine).builds.reusable("n5", "1"), "module_builds_ready"),
        (lambda engine: Registry(engine).builds.unfinished(), "module_builds_unfinished"),
    ],
)
def test_the_hot_queries_use_their_index(registry_engine: Engine, ask: Callable[[Engine], object], index: str) -> None:
    with registry_engine.begin() as connection:
        connection.execute(text(MANY_BUILDS))
        connection.execute(text("ANALYZE module_builds"))
    asked: list[tuple[str, Any]] = []
    event.listen(registry_engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    ask(registry_engine)
    with registry_engine.connect() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN {asked[0][0]}", asked[0][1])
        plan = "\n".join(row[0] for row in explained)
    assert index in plan
    assert "Seq Scan" not in plan


def test_nobody_asks_koji_within_a_transaction() -> None:
    """A hub that is slow would hold rows that other tasks wait for."""
    held = [
        (path.name, block)
        for room in ("mbs", "operators")
        for path in (ROOT / room).rglob("*.py")
        for block in ast.walk(ast.parse(path.read_text()))
        if isinstance(block, ast.With) and any(_opens_a_transaction(item.context_expr) for item in block.items)
    ]
    assert len(held) > 5
    for name, block in held:
        said = {node.id for node in ast.walk(block) if isinstance(node, ast.Name)}
        assert "hub" not in said, f"{name}, line {block.lineno}"


def _opens_a_transaction(opened: ast.expr) -> bool:
    called = opened.func if isinstance(opened, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in {"transaction", "recording"}
