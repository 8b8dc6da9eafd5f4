"""Canceling a module build: once it is answered nothing new is submitted, whoever is about to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mbs.koji.session import Call
from mbs.model.errors import BuildFailed, HubUnavailable, Infrastructure, InvalidRequest, NotFound
from mbs.model.plan import BuildPlan
from mbs.model.states import ModuleState
from mbs.model.users import User
from mbs.registry import Registry
from mbs.steps.build import resume
from mbs.steps.cancel import cancel
from mbs.steps.submission import Wanted, begin
from tests.conftest import record

SAM = User(name="sam", way="oidc", address="192.0.2.7")


class Koji:
    """As much of a hub as a submission and a cancellation ask: it counts what it builds, and may be slow at it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.building: list[int] = []
        self.canceled: list[int] = []

    def multicall_once(self, calls: list[Call]) -> list[Any]:
        self.asked.set()
        assert self.go_on.wait(20)
        self.building += (made := [100 + len(self.building) + number for number in range(len(calls))])
        return made

    def multicall(self, calls: Iterator[Call]) -> list[Any]:
        return [self._answer(one) for one in calls]

    def _answer(self, asked: Call) -> Any:
        if asked.method == "cancelTask":
            self.canceled.append(asked.args[0])
            return None
        return [None] * len(asked.args[0]) if asked.method == "getTaskInfo" else []


class Runs:
    """Airflow, which may be away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.failed = error, list[str]()

    def fail(self, dag_id: str, reason: str, by: User) -> None:  # noqa: ARG002 - the protocol's
        if self.error:
            raise self.error
        self.failed.append(dag_id)


@pytest.fixture
def plan(registry: Registry, example_plan: BuildPlan) -> BuildPlan:
    """The plan of a module build in state build, whose tags are new."""
    made = record(registry, example_plan.nsvc, lambda allocation: replace(example_plan, build_id=allocation.build_id))
    registry.builds.transition(made.build.id, ModuleState.BUILD, None, "task prepare.create_tag")
    registry.builds.begins_with_new_tags(made.build.id)
    return replace(example_plan, build_id=made.build.id)


def connecting(koji: Koji) -> Callable[[], Any]:
    return lambda: nullcontext(koji)


def submit(koji: Koji, registry: Registry, plan: BuildPlan, *, retried: bool = False) -> None:
    """Submit a component as the task of a run does that began before."""
    started = datetime.now(UTC) + (timedelta(hours=1) if retried else -timedelta(hours=1))

    def again() -> None:
        resume(registry, plan.build_id, by="task batch_1.alpha", started=started, any_failed=lambda: False)

    begin(koji, registry, plan, [Wanted("alpha", {})], "me", again)  # type: ignore[arg-type] # all that is asked of one


def test_who_comes_after_it_submits_nothing(registry: Registry, plan: BuildPlan) -> None:
    koji, runs = Koji(), Runs()
    build = cancel(registry, connecting(koji), runs, plan.build_id, SAM)
    assert (build.state, build.state_reason) == (ModuleState.FAILED, "Canceled by sam.")
    assert len(runs.failed) == 1
    with pytest.raises(BuildFailed, match=r"The module build was stopped: Canceled by sam\."):
        submit(koji, registry, plan)
    assert koji.building == []
    last = registry.builds.trace(plan.build_id)[-1]
    assert (last.by, last.origin) == ("sam", "oidc from 192.0.2.7")


def test_who_was_about_to_submit_is_waited_for_and_canceled(registry: Registry, plan: BuildPlan) -> None:
    koji = Koji()
    koji.go_on.clear()
    submitting = threading.Thread(target=submit, args=(koji, registry, plan))
    submitting.start()
    assert koji.asked.wait(10)
    answered = threading.Event()

    def cancels() -> None:
        cancel(registry, connecting(koji), Runs(), plan.build_id, SAM)
        answered.set()

    canceling = threading.Thread(target=cancels)
    canceling.start()
    assert not answered.wait(0.5), "while a submission is under way nothing is promised"
    koji.go_on.set()
    submitting.join(10)
    assert answered.wait(10)
    canceling.join()
    assert koji.canceled == koji.building != []


def test_many_who_submit_at_the_same_moment_have_submitted_before_the_answer(
    registry: Registry, plan: BuildPlan
) -> None:
    koji, ready = Koji(), threading.Barrier(4)

    def race(name: str) -> None:
        ready.wait(10)
        started = datetime.now(UTC) - timedelta(hours=1)

        def again() -> None:
            resume(registry, plan.build_id, by=f"task {name}", started=started, any_failed=lambda: False)

        with suppress(BuildFailed):
            begin(koji, registry, plan, [Wanted(name, {})], name, again)  # type: ignore[arg-type] # as above

    racing = [threading.Thread(target=race, args=(name,)) for name in ("alpha", "beta", "gamma")]
    for each in racing:
        each.start()
    ready.wait(10)
    cancel(registry, connecting(koji), Runs(), plan.build_id, SAM)
    at_the_answer = list(koji.building)
    for each in racing:
        each.join(20)
    assert koji.building == at_the_answer
    assert sorted(koji.canceled) == sorted(koji.building)


@pytest.mark.parametrize("error", [Infrastructure("Airflow is away."), HubUnavailable("Koji is away.")])
def test_what_does_not_answer_keeps_nobody_from_canceling(
    registry: Registry, plan: BuildPlan, error: Exception
) -> None:
    def away() -> Any:
        raise HubUnavailable("Koji is away.")

    assert cancel(registry, away, Runs(error), plan.build_id, SAM).state is ModuleState.FAILED
    with pytest.raises(BuildFailed):
        submit(Koji(), registry, plan)


def test_a_retry_by_a_person_goes_on(registry: Registry, plan: BuildPlan) -> None:
    koji = Koji()
    cancel(registry, connecting(koji), Runs(), plan.build_id, SAM)
    submit(koji, registry, plan, retried=True)
    assert len(koji.building) == 1
    assert registry.builds.get(plan.build_id).state is ModuleState.BUILD


def test_the_first_run_of_a_build_that_was_canceled_before_it_is_no_retry(
    registry: Registry, example_plan: BuildPlan
) -> None:
    made = record(registry, example_plan.nsvc, lambda allocation: replace(example_plan, build_id=allocation.build_id))
    waiting, koji = replace(example_plan, build_id=made.build.id), Koji()
    cancel(registry, connecting(koji), Runs(), waiting.build_id, SAM)
    with pytest.raises(BuildFailed):
        submit(koji, registry, waiting, retried=True)
    assert koji.building == []


def test_what_has_ended_is_not_canceled(registry: Registry, plan: BuildPlan) -> None:
    for state in (ModuleState.DONE, ModuleState.READY):
        registry.builds.transition(plan.build_id, state, None, "task publish")
        with pytest.raises(InvalidRequest, match="in one of the following states: build, init, wait"):
            cancel(registry, connecting(Koji()), Runs(), plan.build_id, SAM)
    with pytest.raises(NotFound):
        cancel(registry, connecting(Koji()), Runs(), 999, SAM)
