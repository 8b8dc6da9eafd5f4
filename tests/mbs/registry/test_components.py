from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mbs.model.errors import ForbiddenTransition, NotFound, RegistryUnavailable
from mbs.registry import ComponentRow, ComponentState, Finished, Followed, Registry, components
from tests.mbs.registry.conftest import Submit


@pytest.fixture
def build_id(submit: Submit) -> int:
    return submit()[0].build.id


def alpha(registry: Registry, build_id: int) -> ComponentRow:
    return next(row for row in registry.components.of(build_id) if row.name == "alpha")


def test_a_component_is_intended_submitted_and_finished(registry: Registry, build_id: int) -> None:
    assert alpha(registry, build_id).state is None
    assert not alpha(registry, build_id).intent
    with registry.component(build_id, "alpha") as component:
        component.intend("me")
    assert alpha(registry, build_id).intent
    with registry.component(build_id, "alpha") as component:
        component.submitted(4711)
    row = alpha(registry, build_id)
    assert (row.intent, row.claimed_by, row.claimed_at) == (False, None, None)
    with registry.component(build_id, "alpha") as component:
        component.finished(ComponentState.COMPLETE, "alpha-1-1.f29", koji_build_id=99)
    row = alpha(registry, build_id)
    assert (row.state, row.task_id, row.nvr, row.koji_build_id, row.attempt) == (1, 4711, "alpha-1-1.f29", 99, 1)
    assert [(trace.state, trace.task_id) for trace in registry.components.trace(row.id)] == [
        (ComponentState.BUILDING, 4711),
        (ComponentState.COMPLETE, 4711),
    ]


def test_nothing_is_recorded_of_a_transaction_that_ends_with_an_error(registry: Registry, build_id: int) -> None:
    def fails() -> None:
        with registry.component(build_id, "alpha") as component:
            component.intend("me")
            component.submitted(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    row = alpha(registry, build_id)
    assert (row.state, row.attempt, registry.components.trace(row.id)) == (None, 0, ())


def test_a_trace_is_written_only_when_the_state_changes(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.intend("me")
        component.submitted(1)
        component.submitted(1)
    row = alpha(registry, build_id)
    assert len(registry.components.trace(row.id)) == 1


def test_a_failed_component_is_reset_for_another_attempt(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.intend("me")
        component.submitted(1)
        component.finished(ComponentState.FAILED, "alpha-1-1", "build failed")
        with pytest.raises(ForbiddenTransition, match="alpha is in state FAILED and cannot become BUILDING"):
            component.intend("me")
        component.reset("cleared by robin")
        row = component.row
        assert (row.state, row.task_id, row.nvr, row.attempt) == (None, None, None, 1)
        component.intend("me")
        assert component.row.attempt == 2
    assert [trace.task_id for trace in registry.components.trace(row.id)] == [1, 1, 1]


def test_a_complete_component_cannot_be_reset(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.finished(ComponentState.COMPLETE, "alpha-1-1", "Found existing build")
        with pytest.raises(ForbiddenTransition):
            component.reset()


def test_a_claim_of_an_intended_submission_holds_for_a_while_and_leaves_its_time(
    registry: Registry, build_id: int
) -> None:
    minute = timedelta(minutes=1)
    with registry.component(build_id, "alpha") as component:
        assert not component.claimed_by_another("me", minute)
        component.intend("another")
    first = alpha(registry, build_id)
    with registry.component(build_id, "alpha") as component:
        assert component.claimed_by_another("me", minute)
        assert not component.claimed_by_another("another", minute)
        assert not component.claimed_by_another("me", timedelta(0))
        component.intend("me")
    row = alpha(registry, build_id)
    assert (row.intent_time, row.claimed_by, row.attempt) == (first.intent_time, "me", 1)
    assert row.claimed_at != first.claimed_at


def test_exactly_one_of_many_claims_a_submission(registry: Registry, build_id: int) -> None:
    def claim(number: int) -> bool:
        with registry.component(build_id, "alpha") as component:
            if component.claimed_by_another(str(number), timedelta(minutes=1)):
                return False
            component.intend(str(number))
            return True

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(claim, range(20))) == 1


def test_who_waits_too_long_for_a_component_has_an_infrastructure_fault(
    registry: Registry, build_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry.component(build_id, "alpha"):
        monkeypatch.setattr(components, "_HOLD_MILLISECONDS", 50)
        with pytest.raises(RegistryUnavailable), registry.component(build_id, "alpha"):
            pass
        with registry.component(build_id, "beta") as other:
            assert other.row.name == "beta"


def test_who_holds_a_component_too_long_loses_it_and_records_nothing(
    registry: Registry, build_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "_HOLD_MILLISECONDS", 300)

    def is_stopped() -> None:
        with registry.component(build_id, "alpha") as stopped:
            time.sleep(1)
            with registry.component(build_id, "alpha") as component:
                component.intend("another")
            stopped.intend("me")
            stopped.submitted(1)

    with pytest.raises(RegistryUnavailable):
        is_stopped()
    row = alpha(registry, build_id)
    assert (row.state, row.claimed_by) == (None, "another")


def test_an_arch_keeps_the_first_round_in_which_it_followed_a_build(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.follow("x86_64", Followed(7, 2, 10.5))
        component.builds_arch("x86_64", 70)
        component.follow("x86_64", Followed(7, 3, 10.5))
        component.follow("aarch64", Followed(7, 3, 10.5))
        component.builds_arch("s390x", 71)
    first = {"x86_64": Followed(7, 2, 10.5, 70), "aarch64": Followed(7, 3, 10.5)}
    assert alpha(registry, build_id).followed == first
    for later in (Followed(7, 0, 99.0, 70), Followed(8, 0, 99.0)):
        with registry.component(build_id, "alpha") as component:
            component.follow("x86_64", later)
        assert alpha(registry, build_id).followed == {**first, "x86_64": later}


def test_the_newest_repository_stays_until_the_build_has_another_run(registry: Registry, build_id: int) -> None:
    for repo_id in (7, 9, 8):
        registry.builds.proved(build_id, repo_id)
    assert registry.builds.get(build_id).repo_id == 9
    registry.builds.restart(build_id)
    assert registry.builds.get(build_id).repo_id is None


def test_who_may_not_act_begins_no_transaction(registry: Registry, build_id: int) -> None:
    def refuses() -> None:
        raise ZeroDivisionError

    checked = registry.checked(refuses)
    with pytest.raises(ZeroDivisionError):
        checked.builds.get(build_id)
    with pytest.raises(ZeroDivisionError), checked.component(build_id, "alpha"):
        pass


def test_an_unknown_component_is_not_found(registry: Registry, build_id: int) -> None:
    message = f"no component omega in module build {build_id}"
    with pytest.raises(NotFound, match=message), registry.component(build_id, "omega"):
        pass


def test_many_components_end_at_once_and_only_changes_are_traced(registry: Registry, build_id: int) -> None:
    with registry.component(build_id, "alpha") as component:
        component.intend("me")
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
