from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pytest
from msgspec.structs import replace

from mbs.model.errors import Conflict, InvalidRequest
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.registry import ComponentState, Identity, ModuleState, NewBuild, Outcome, Recording, Registry
from tests.mbs.registry.conftest import Submit, named, record_all


def test_all_contexts_are_recorded_with_plans_and_components(registry: Registry, submit: Submit) -> None:
    first, second = submit("aaaaaaaa", "bbbbbbbb")
    assert {one.outcome for one in (first, second)} == {Outcome.NEW}
    assert first.build.state is ModuleState.WAIT
    assert first.build.time_submitted.tzinfo == UTC
    plan = registry.documents.plan(second.build.id)
    assert plan.build_id == second.build.id
    assert plan.dist == f"module+f29+{first.build.id}+814cfa39", "the index is the smallest id of the siblings"
    assert registry.builds.siblings(first.build.id) == (second.build.id,)
    assert [(c.name, c.batch, c.state) for c in registry.components.of(first.build.id)] == [
        (MACROS, 0, None),
        ("alpha", 1, None),
        ("beta", 1, None),
        ("gamma", 2, None),
    ]
    assert [(row.state, row.by) for row in registry.builds.trace(first.build.id)] == [
        (ModuleState.INIT, "pat"),
        (ModuleState.WAIT, "pat"),
    ]


def test_one_plan_that_cannot_be_made_leaves_nothing_recorded(registry: Registry, example_plan: BuildPlan) -> None:
    def name_all(recording: Recording) -> None:
        good, broken = recording.allocations
        assert good is not None
        recording.store(NewBuild(named(example_plan, good)))
        msg = f"no plan for {broken}"
        raise InvalidRequest(msg)

    identities = [Identity(replace(example_plan.nsvc, context=context)) for context in ("aaaaaaaa", "broken")]
    with pytest.raises(InvalidRequest), registry.recording(identities, by="pat") as recording:
        name_all(recording)
    assert registry.builds.find().total == 0


def test_a_part_of_a_submission_is_not_recorded(registry: Registry, example_plan: BuildPlan) -> None:
    def name_the_first(recording: Recording) -> None:
        first, _ = recording.allocations
        assert first is not None
        recording.store(NewBuild(named(example_plan, first)))

    identities = [Identity(replace(example_plan.nsvc, context=context)) for context in ("aaaaaaaa", "bbbbbbbb")]
    with pytest.raises(RuntimeError, match="store every build"), registry.recording(identities, by="pat") as recording:
        name_the_first(recording)
    assert registry.builds.find().total == 0


def test_the_same_submission_again_is_a_conflict(registry: Registry, submit: Submit) -> None:
    submit()
    with pytest.raises(Conflict, match=r"Module \(state=1\) already exists. Only a new build, resubmission of"):
        submit()
    assert registry.builds.find().total == 1


def test_a_new_context_is_recorded_beside_an_existing_one(registry: Registry, submit: Submit) -> None:
    (existing,) = submit("aaaaaaaa")
    old, new = submit("aaaaaaaa", "bbbbbbbb")
    assert (old.build.id, old.outcome, new.outcome) == (existing.build.id, Outcome.EXISTING, Outcome.NEW)
    assert f"+{existing.build.id}+" in registry.documents.plan(new.build.id).dist


def test_a_failed_build_is_resumed_and_keeps_what_is_complete(registry: Registry, submit: Submit) -> None:
    (recorded,) = submit()
    build_id = recorded.build.id
    registry.builds.transition(build_id, ModuleState.BUILD, None, "task")
    for name, state in (("alpha", ComponentState.COMPLETE), ("beta", ComponentState.FAILED)):
        with registry.component(build_id, name) as component:
            component.intend("me")
            component.submitted(10)
            component.finished(state, f"{name}-1-1")
    registry.builds.transition(build_id, ModuleState.FAILED, "Component(s) beta failed to build.", "task")
    (resumed,) = submit(by="robin")
    assert (resumed.outcome, resumed.build.state, resumed.build.owner) == (Outcome.RESUMED, ModuleState.WAIT, "robin")
    assert resumed.build.state_reason == "Resubmitted by robin"
    states = {c.name: (c.state, c.nvr) for c in registry.components.of(build_id)}
    assert states["alpha"] == (ComponentState.COMPLETE, "alpha-1-1")
    assert states["beta"] == (None, None)


def test_resuming_with_another_strategy_is_refused(registry: Registry, submit: Submit) -> None:
    (recorded,) = submit()
    registry.builds.transition(recorded.build.id, ModuleState.FAILED, "no reason", "task")
    with pytest.raises(InvalidRequest, match="You cannot change the module's"):
        submit(rebuild_strategy="all")


def test_scratch_builds_get_a_context_of_their_own(submit: Submit) -> None:
    contexts = [submit(scratch=True)[0].build.nsvc.context for _ in range(3)]
    assert contexts == ["9c690d0e_1", "9c690d0e_2", "9c690d0e_3"]


def test_wildcards_in_a_context_count_no_strangers(submit: Submit) -> None:
    submit("axb", scratch=True)
    assert submit("a_b", scratch=True)[0].build.nsvc.context == "a_b_1"
    assert submit("a%", scratch=True)[0].build.nsvc.context == "a%_1"


def test_scratch_numbers_stay_unique_when_many_submit_at_once(submit: Submit) -> None:
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(lambda _: submit("ctx", scratch=True), range(8)))
    assert sorted(one.build.nsvc.context for (one,) in rounds) == sorted(f"ctx_{n}" for n in range(1, 9))


def test_of_equal_submissions_at_once_exactly_one_is_recorded(registry: Registry, submit: Submit) -> None:
    def attempt(_: int) -> bool:
        try:
            submit("aaaaaaaa", "bbbbbbbb")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 1
    assert registry.builds.find().total == 2


@pytest.mark.parametrize(
    ("name", "stream"),
    [("a-b", "1"), ("a", "b_1"), ("a-devel", "b-1")],
    ids=["the same tag", "the same build", "the twin"],
)
@pytest.mark.parametrize("first", [True, False])
def test_what_would_have_the_names_of_another_module_in_koji_is_refused(
    registry: Registry, example_plan: BuildPlan, name: str, stream: str, first: bool
) -> None:
    victim = replace(example_plan, nsvc=replace(example_plan.nsvc, name="a", stream="b-1"))
    attack = replace(example_plan, nsvc=replace(example_plan.nsvc, name=name, stream=stream))
    earlier, later = (attack, victim) if first else (victim, attack)
    record_all(registry, [earlier])
    with pytest.raises(
        Conflict, match=rf"would have the names of {earlier.nsvc} \(number \d+\).*Give the module another"
    ):
        record_all(registry, [later], by="robin")
    assert registry.builds.find().total == 1
    record_all(registry, [replace(later, scratch=True)], by="robin")
    record_all(registry, [replace(later, nsvc=replace(later.nsvc, context="other"))], by="robin")


def test_a_submission_with_a_key_is_recorded_once(registry: Registry, submit: Submit) -> None:
    first = submit("aaaaaaaa", "bbbbbbbb", scratch=True, key="a run")
    assert submit("aaaaaaaa", "bbbbbbbb", scratch=True, key="a run") == first
    assert registry.recorded_before("a run") == first
    assert registry.builds.find().total == 2
    assert submit("aaaaaaaa", scratch=True, key="another run")[0].build.id not in {one.build.id for one in first}
    assert registry.recorded_before("a third run") is None


def test_what_was_resumed_or_existed_is_given_again_as_such(registry: Registry, submit: Submit) -> None:
    """The second try of a run whose first one was killed is no conflict with itself."""
    submit("aaaaaaaa")
    (failing,) = submit("bbbbbbbb")
    registry.builds.transition(failing.build.id, ModuleState.FAILED, "It failed.", "task")
    first = submit("aaaaaaaa", "bbbbbbbb", "cccccccc", key="a run")
    assert [one.outcome for one in first] == [Outcome.EXISTING, Outcome.RESUMED, Outcome.NEW]
    assert submit("aaaaaaaa", "bbbbbbbb", "cccccccc", key="a run") == first


def test_a_refused_submission_has_its_key_for_another_try(registry: Registry, submit: Submit) -> None:
    (existing,) = submit("aaaaaaaa")
    with pytest.raises(Conflict):
        submit("aaaaaaaa", key="a run")
    registry.builds.transition(existing.build.id, ModuleState.FAILED, "It failed.", "task")
    assert submit("aaaaaaaa", key="a run")[0].outcome is Outcome.RESUMED


def test_two_tries_at_the_same_time_record_one_submission(registry: Registry, submit: Submit) -> None:
    """A worker that was taken for dead may go on beside the one that was started in its place."""
    with ThreadPoolExecutor(8) as pool:
        tries = list(pool.map(lambda _: submit("aaaaaaaa", scratch=True, key="a run"), range(8)))
    assert len({one.build.id for recorded in tries for one in recorded}) == 1
    assert registry.builds.find().total == 1
