from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from mbs.model.errors import ForbiddenTransition, NotFound, RegistryUnavailable
from mbs.registry import ComponentState, Finished, Registry
from tests.mbs.registry.conftest import Submit

# Of this test's database only: other tests run on the same server.
KILL_HOLDERS_OF_LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""


@pytest.fixture
def build_id(submit: Submit) -> int:
    return submit()[0].build.id


def test_a_component_is_intended_submitted_and_finished(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        assert component.row.state is None
        assert not component.row.intent
        component.intend()
        assert registry.components.of(build_id)[1].intent, "the intent is committed before Koji is called"
        component.submitted(4711)
        assert not component.row.intent
        row = component.finished(ComponentState.COMPLETE, "alpha-1-1.f29", koji_build_id=99)
    assert (row.state, row.task_id, row.nvr, row.koji_build_id, row.attempt) == (1, 4711, "alpha-1-1.f29", 99, 1)
    assert [(trace.state, trace.task_id) for trace in registry.components.trace(row.id)] == [
        (ComponentState.BUILDING, 4711),
        (ComponentState.COMPLETE, 4711),
    ]


def test_a_trace_is_written_only_when_the_state_changes(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.intend()
        component.submitted(1)
        component.submitted(1)
        component.tagged(build=True)
        row = component.row
    assert row.tagged
    assert not row.tagged_in_final
    assert len(registry.components.trace(row.id)) == 1


def test_a_failed_component_is_reset_for_another_attempt(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.intend()
        component.submitted(1)
        component.finished(ComponentState.FAILED, "alpha-1-1", "build failed")
        with pytest.raises(ForbiddenTransition, match="alpha is in state FAILED and cannot become BUILDING"):
            component.intend()
        row = component.reset("cleared by robin")
        assert (row.state, row.task_id, row.nvr, row.attempt) == (None, None, None, 1)
        assert component.intend().attempt == 2
    assert [trace.task_id for trace in registry.components.trace(row.id)] == [1, 1, 1]


def test_a_complete_component_cannot_be_reset(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.finished(ComponentState.COMPLETE, "alpha-1-1", "Found existing build")
        with pytest.raises(ForbiddenTransition):
            component.reset()


def test_exactly_one_of_many_tasks_submits(registry: Registry, build_id: int) -> None:
    submissions = []

    def ensure_submitted(number: int) -> None:
        with registry.component(build_id, "alpha") as component:
            if component.row.state is None:
                assert not component.row.intent
                component.intend()
                submissions.append(number)
                component.submitted(number)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(ensure_submitted, range(20)))
    assert len(submissions) == 1
    assert registry.components.of(build_id)[1].task_id == submissions[0]


def test_two_components_do_not_wait_for_each_other(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as one, registry.component(build_id, "beta") as other:
        assert (one.row.name, other.row.name) == ("alpha", "beta")


def test_a_lock_held_too_long_is_an_infrastructure_fault(registry_engine: Engine, build_id: int) -> None:
    hasty = Registry(registry_engine, lock_timeout=0.05)
    with hasty.component(build_id, "alpha"), pytest.raises(RegistryUnavailable, match="alpha is being decided about"):
        hasty.component(build_id, "alpha").__enter__()


def test_the_lock_dies_with_the_connection_and_its_holder_records_nothing_more(
    registry: Registry, registry_engine: Engine, build_id: int
) -> None:
    taken, killed = threading.Event(), threading.Event()

    def die() -> None:
        with registry.component(build_id, "alpha") as component:
            component.intend()
            taken.set()
            killed.wait(10)
            component.submitted(1)

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(die)
        assert taken.wait(10)
        with registry_engine.begin() as connection:
            connection.execute(text(KILL_HOLDERS_OF_LOCKS))
        killed.set()
        with registry.component(build_id, "alpha") as component:
            assert component.row.intent, "what was intended is still known"
            assert component.row.state is None
        with pytest.raises(RegistryUnavailable):
            holder.result(10)


def test_an_error_of_the_holder_frees_the_lock(registry: Registry, build_id: int) -> None:
    with pytest.raises(ZeroDivisionError), registry.component(build_id, "alpha"):
        raise ZeroDivisionError
    with registry.component(build_id, "alpha") as component:
        assert component.row.state is None


def test_an_unknown_component_is_not_found(registry: Registry, build_id: int) -> None:
    with pytest.raises(NotFound, match=f"no component omega in module build {build_id}"):
        registry.component(build_id, "omega").__enter__()


def test_many_components_end_at_once_and_only_changes_are_traced(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.intend()
        component.submitted(5)
    outcomes = {
        "alpha": Finished(ComponentState.COMPLETE, "alpha-1-1"),
        "beta": Finished(ComponentState.COMPLETE, "beta-1-1", "Reused component", task_id=7),
    }
    assert registry.components.finish(build_id, outcomes) == ("alpha", "beta")
    assert registry.components.finish(build_id, outcomes) == ()
    alpha, beta = registry.components.of(build_id)[1:3]
    assert (alpha.state, alpha.nvr, alpha.task_id) == (ComponentState.COMPLETE, "alpha-1-1", 5)
    assert (beta.state, beta.reason, beta.task_id) == (ComponentState.COMPLETE, "Reused component", 7)
    assert len(registry.components.trace(alpha.id)) == 2
    assert len(registry.components.trace(beta.id)) == 1


def test_a_forbidden_end_of_one_changes_none(registry: Registry, build_id: int) -> None:
    registry.components.finish(build_id, {"alpha": Finished(ComponentState.COMPLETE, "alpha-1-1")})
    with pytest.raises(ForbiddenTransition):
        registry.components.finish(
            build_id, {"beta": Finished(ComponentState.COMPLETE), "alpha": Finished(ComponentState.FAILED)}
        )
    assert registry.components.of(build_id)[2].state is None


def test_tagging_is_recorded_for_many(registry: Registry, build_id: int) -> None:
    registry.components.mark_tagged(build_id, ["alpha", "beta"], build=True)
    registry.components.mark_tagged(build_id, ["beta"], final=True)
    assert [(c.tagged, c.tagged_in_final) for c in registry.components.of(build_id)[1:]] == [
        (True, False),
        (True, True),
        (False, False),
    ]
