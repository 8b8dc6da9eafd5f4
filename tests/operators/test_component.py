"""One component: submitted once, followed per arch, retried when a person says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from airflow.sdk.exceptions import TaskDeferred
from structlog.testing import capture_logs

from mbs.koji import builds
from mbs.koji.session import HubSession
from mbs.model.errors import HubUnavailable
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState, ModuleState
from mbs.registry import Registry
from operators.tasks.component import BuildComponentOperator
from operators.tasks.gate import RepoOperator
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from operators.tasks.publish import RecordFailureOperator
from operators.triggers import BuildTrigger
from tests.conftest import RunningHub
from tests.operators.conftest import AirflowRun, NewPlan


@pytest.fixture
def plan(run: AirflowRun, new_plan: NewPlan) -> BuildPlan:
    """A module build whose tags exist; its builds wait for a repository by themselves."""
    made = new_plan(("noarch-words", 1), ("tool", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=made)) == "success"
    return made


class OrderFault(Protocol):
    """Orders a fault of the builders."""

    def __call__(self, **rule: object) -> None: ...


@pytest.fixture
def faults(running_hub: RunningHub) -> Iterator[OrderFault]:
    """Order build faults; they end with the test."""

    def order(**rule: object) -> None:
        running_hub.set_fault("build_faults", [rule])

    yield order
    running_hub.set_fault("build_faults", None)


def builder(plan: BuildPlan, component: str = "tool", arch: str = "x86_64") -> BuildComponentOperator:
    return BuildComponentOperator(task_id=f"{component}.{arch}", plan=plan, component=component, arch=arch)


def component_row(registry: Registry, plan: BuildPlan, name: str = "tool") -> Any:
    return next(row for row in registry.components.of(plan.build_id) if row.name == name)


def test_the_first_arch_submits_and_the_others_attach(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry
) -> None:
    before = running_hub.counts().get("build", 0)
    assert run.finish(builder(plan)) == "success"
    assert run.finish(builder(plan, arch="aarch64")) == "success"
    assert running_hub.counts()["build"] == before + 1
    assert component_row(registry, plan).task_id == run.xcoms["tool.aarch64", "koji_task_id"]
    assert run.xcoms["tool.x86_64", "koji_url"].endswith(f"={component_row(registry, plan).task_id}")
    assert run.xcom("tool.x86_64", "koji_build_url").startswith("http://")


def test_koji_gets_what_mbs_would_send(run: AirflowRun, plan: BuildPlan, running_hub: RunningHub) -> None:
    run.xcoms["gate.a", "koji_repo_id"] = 4
    run.xcoms["gate.b", "koji_repo_id"] = 7
    task = BuildComponentOperator(task_id="t", plan=plan, component="tool", arch="x86_64", gates=("gate.a", "gate.b"))
    assert run.begin(task) is not None
    sent = running_hub.admin().getTaskInfo(run.xcoms["t", "koji_task_id"], request=True)
    options = {"skip_tag": True, "mbs_artifact_name": "tool", "mbs_module_target": plan.target, "repo_id": 7}
    assert sent["request"] == [plan.components[1].source, plan.target, options]
    assert sent["priority"] == 20 + plan.koji_priority


@pytest.mark.usefixtures("faults")
def test_a_failure_is_told_with_koji_s_words_and_the_end_of_the_log(
    run: AirflowRun, plan: BuildPlan, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="fail", package="tool", arch="x86_64")
    with capture_logs() as log:
        assert run.finish(builder(plan)) == "failed"
    error = run.errors["tool.x86_64"]
    assert "tool (x86_64): Koji's buildArch task" in error
    assert "on builder-x86-64" in error
    assert "mock exited with status 1" in error
    assert any(
        line["event"].startswith("build.log: ") and "this failure was asked for" in line["event"] for line in log
    )
    row = component_row(registry, plan)
    assert row.state is ComponentState.FAILED
    assert row.reason is not None
    assert row.reason.startswith("tool (x86_64)")


def test_a_late_arch_fails_with_the_build_and_starts_no_other(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, faults: OrderFault
) -> None:
    faults(kind="fail", package="tool", stage="srpm", times=1)
    assert run.finish(builder(plan)) == "failed"
    submitted = running_hub.counts()["build"]
    assert run.finish(builder(plan, arch="aarch64")) == "failed"
    assert running_hub.counts()["build"] == submitted


def test_a_retry_by_airflow_starts_no_other_build_either(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, faults: OrderFault
) -> None:
    faults(kind="fail", package="tool", stage="srpm", times=1)
    assert run.finish(builder(plan)) == "failed"
    submitted = running_hub.counts()["build"]
    assert run.finish(builder(plan)) == "failed"
    assert running_hub.counts()["build"] == submitted


def test_clearing_a_failed_task_builds_again_once_for_all_arches(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="fail", package="tool", stage="srpm", times=1)
    arches = [builder(plan), builder(plan, arch="aarch64")]
    assert [run.finish(task) for task in arches] == ["failed", "failed"]
    first = component_row(registry, plan).task_id
    submitted = running_hub.counts()["build"]
    run.clear(*arches)
    assert [run.finish(task) for task in arches] == ["success", "success"]
    assert running_hub.counts()["build"] == submitted + 1
    assert component_row(registry, plan).task_id != first


def test_a_task_that_never_ran_builds_again_in_a_run_that_was_started_again(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, faults: OrderFault
) -> None:
    faults(kind="fail", package="tool", stage="srpm", times=1)
    assert run.finish(builder(plan)) == "failed"
    submitted = running_hub.counts()["build"]
    run.started = datetime.now(UTC)
    assert run.finish(builder(plan, arch="aarch64")) == "success"
    assert running_hub.counts()["build"] == submitted + 1


@pytest.mark.parametrize("recorded", [False, True], ids=["before it was recorded", "after it was recorded"])
def test_a_worker_that_dies_at_the_submission_builds_nothing_twice(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    submitted = running_hub.counts().get("build", 0)

    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if recorded:
            patched.setattr(BuildComponentOperator, "_remember", dies)
        else:
            patched.setattr("mbs.registry.components.LockedComponent.submitted", dies)
        with pytest.raises(Killed):
            run.begin(builder(plan))
    assert run.finish(builder(plan)) == "success"
    assert running_hub.counts()["build"] == submitted + 1


def test_a_submission_whose_answer_is_lost_is_found_again(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = running_hub.counts().get("build", 0)
    real = builds.submit

    def loses_its_answer(*arguments: Any) -> int:
        real(*arguments)
        raise HubUnavailable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr("mbs.steps.component.submit", loses_its_answer)
        deferred = run.waiting(builder(plan))
    assert deferred is not None
    assert deferred.method_name == "hub_answered"
    assert run.finish(builder(plan)) == "success"
    assert running_hub.counts()["build"] == submitted + 1


def test_an_existing_build_with_our_dist_is_adopted(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry
) -> None:
    assert run.finish(builder(plan)) == "success"
    row = component_row(registry, plan)
    with registry.component(plan.build_id, "noarch-words") as component:
        component.reset()
    submitted = running_hub.counts()["build"]
    hub = running_hub.admin()
    nvr = hub.listBuilds(taskID=row.task_id)[0]["nvr"]
    if hub.getBuild(nvr)["state"] == 1:
        hub.tagBuildBypass(plan.build_tag, nvr)
    assert run.finish(builder(plan, arch="aarch64")) == "success"
    assert running_hub.counts()["build"] == submitted


def test_ending_the_waiting_cancels_the_build_and_records_it(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=60)
    deferred = run.waiting(builder(plan))
    assert isinstance(deferred, TaskDeferred)
    trigger = deferred.trigger
    assert isinstance(trigger, BuildTrigger)
    asyncio.run(trigger.on_kill())
    assert running_hub.admin().getTaskInfo(trigger.koji_task_id)["state"] == 3
    assert component_row(registry, plan).state is ComponentState.CANCELED
    sibling = builder(plan, arch="aarch64")
    assert run.finish(sibling) == "failed"
    assert "canceled" in run.errors["tool.aarch64"]


def test_a_hub_that_is_away_is_waited_for(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbs.koji.session.PATIENT", ())
    monkeypatch.setattr(HubSession.__init__, "__kwdefaults__", {"delays": (), "sleep": lambda _: None})
    running_hub.set_fault("bad_gateway", 2)
    task = builder(plan)
    deferred = run.waiting(task)
    assert deferred is not None
    assert deferred.method_name == "hub_answered"
    assert run.finish(task) == "success"


def test_a_failed_module_build_goes_on_when_nothing_stands_failed(
    run: AirflowRun, plan: BuildPlan, registry: Registry
) -> None:
    registry.builds.transition(plan.build_id, ModuleState.FAILED, "noarch-words failed", "task record_failure")
    run.states["another"] = "failed"
    assert run.finish(builder(plan)) == "success"
    assert registry.builds.get(plan.build_id).state is ModuleState.FAILED
    del run.states["another"]
    assert run.finish(builder(plan, arch="aarch64")) == "success"
    assert registry.builds.get(plan.build_id).state is ModuleState.BUILD


def test_the_reason_of_the_first_failure_is_recorded(
    run: AirflowRun, plan: BuildPlan, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="fail", package="*")
    for component in ("noarch-words", "tool"):
        assert run.finish(builder(plan, component)) == "failed"
    assert run.finish(RecordFailureOperator(task_id="record_failure", plan=plan)) == "failed"
    build = registry.builds.get(plan.build_id)
    assert build.state is ModuleState.FAILED
    assert build.state_reason is not None
    assert build.state_reason.startswith("noarch-words (noarch)")
    assert run.errors["record_failure"] == build.state_reason


def test_a_gate_names_the_components_that_were_not_built(run: AirflowRun, plan: BuildPlan) -> None:
    assert run.finish(RepoOperator(task_id="repo", plan=plan, batch=("noarch-words", "tool"))) == "failed"
    assert "Component(s) noarch-words, tool failed to build." in run.errors["repo"]


def test_a_build_that_takes_too_long_is_canceled_with_the_reason(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=60)
    task = BuildComponentOperator(
        task_id="t", plan=plan, component="tool", arch="x86_64", patience=timedelta(seconds=1)
    )
    assert run.finish(task) == "failed"
    assert "It took longer than it may" in run.errors["t"]
    assert component_row(registry, plan).state is ComponentState.CANCELED
    assert running_hub.admin().getTaskInfo(run.xcoms["t", "koji_task_id"])["state"] == 3


def ended(running_hub: RunningHub, task_id: int, seconds: float = 60) -> int:
    """Wait for the end of a Koji task and give its state."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state: int = running_hub.admin().getTaskInfo(task_id)["state"]
        if state in {2, 3, 5}:
            return state
        time.sleep(0.1)
    pytest.fail("It did not end.")


def test_a_component_is_complete_with_its_nvr_as_soon_as_it_is_built_whatever_becomes_of_its_batch(
    run: AirflowRun, plan: BuildPlan, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="fail", package="noarch-words", stage="srpm")
    assert run.finish(builder(plan, "noarch-words")) == "failed"
    for arch in plan.arches:
        assert run.finish(builder(plan, arch=arch)) == "success"
    row = component_row(registry, plan)
    assert row.state is ComponentState.COMPLETE
    assert row.nvr == f"tool-1-1.{plan.dist}"
    assert row.koji_build_id is not None


def test_a_task_that_is_cleared_as_its_build_closes_counts_what_koji_has_built(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry
) -> None:
    deferred = run.waiting(builder(plan))
    trigger = deferred.trigger
    assert ended(running_hub, trigger.koji_task_id) == 2
    asyncio.run(trigger.on_kill())
    row = component_row(registry, plan)
    assert (row.state, row.reason) == (ComponentState.COMPLETE, None)
    run.clear(builder(plan))
    assert run.finish(builder(plan)) == "success"


@pytest.mark.parametrize("state", [ComponentState.CANCELED, ComponentState.FAILED])
def test_what_koji_has_built_counts_where_it_is_recorded_as_ended_badly_and_the_gate_takes_it(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, state: ComponentState
) -> None:
    task = builder(plan)
    deferred = run.waiting(task)
    assert ended(running_hub, deferred.trigger.koji_task_id) == 2
    with registry.component(plan.build_id, "tool") as component:
        component.finished(state, reason="so it seemed")
    submitted = running_hub.counts()["build"]
    run.clear(task)
    gate = RepoOperator(task_id="repo", plan=plan, batch=("tool",))
    assert run.finish(task) == run.finish(gate) == "success", run.errors
    assert running_hub.counts()["build"] == submitted
    assert component_row(registry, plan).state is ComponentState.COMPLETE


def test_the_gate_alone_takes_what_koji_has_built_where_it_is_recorded_as_canceled(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry
) -> None:
    deferred = run.waiting(builder(plan))
    assert ended(running_hub, deferred.trigger.koji_task_id) == 2
    with registry.component(plan.build_id, "tool") as component:
        component.finished(ComponentState.CANCELED, reason="so it seemed")
    assert run.finish(RepoOperator(task_id="repo", plan=plan, batch=("tool",))) == "success", run.errors


def test_a_build_that_goes_on_in_koji_is_followed_also_where_it_is_recorded_as_canceled(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=5)
    task = builder(plan)
    run.begin(task)
    with registry.component(plan.build_id, "tool") as component:
        component.finished(ComponentState.CANCELED, reason="Koji did not let go of it")
    submitted = running_hub.counts()["build"]
    run.clear(task)
    assert run.finish(task) == "success"
    assert running_hub.counts()["build"] == submitted
    assert component_row(registry, plan).state is ComponentState.COMPLETE


def test_a_build_that_someone_deleted_in_koji_is_made_again_when_its_task_is_cleared(
    run: AirflowRun, plan: BuildPlan, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = builder(plan)
    assert run.finish(task) == "success"
    first = component_row(registry, plan).task_id
    real = HubSession.multicall

    def without_it(self: HubSession, calls: Any) -> list[Any]:
        """devhub deletes no builds."""
        made = list(calls)
        answers = real(self, made)
        return [_deleted(answer, first) for answer in answers]

    monkeypatch.setattr(HubSession, "multicall", without_it)
    run.clear(task)
    deferred = run.waiting(task)
    assert deferred is not None
    assert deferred.trigger.koji_task_id != first


def _deleted(answer: Any, task_id: int) -> Any:
    if isinstance(answer, list):
        return [_deleted(row, task_id) for row in answer]
    if isinstance(answer, dict) and answer.get("task_id") == task_id:
        return {**answer, "state": 2}
    return answer


def test_a_task_that_was_cleared_follows_all_arches_of_its_new_build(
    run: AirflowRun, plan: BuildPlan, faults: OrderFault, registry: Registry
) -> None:
    faults(kind="fail", package="tool", arch="aarch64", times=1)
    late = builder(plan, arch="aarch64")
    assert run.finish(late) == "failed"
    run.clear(late)
    deferred = run.waiting(late)
    assert deferred is not None
    assert deferred.trigger.build.whole
    run.go_on(late, deferred, run.wait(deferred))
    assert run.states["tool.aarch64"] == "success"
    assert component_row(registry, plan).state is ComponentState.COMPLETE


def test_a_canceled_build_is_told_once(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=60)
    task = builder(plan)
    deferred = run.waiting(task)
    running_hub.admin().cancelTask(deferred.trigger.koji_task_id)
    run.go_on(task, deferred, run.wait(deferred))
    assert run.errors["tool.x86_64"].count("canceled") == 1
