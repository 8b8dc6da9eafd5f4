"""One component: submitted once, followed per arch, retried when a person says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs

from mbs.koji.session import HubSession
from mbs.model.errors import HubUnavailable
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState, ModuleState
from mbs.planning.graph import Kind
from mbs.registry import Registry
from mbs.steps import tasks
from operators.tasks.base import CANCELED
from operators.tasks.component import BuildComponentOperator
from operators.tasks.gate import RepoSensor
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from operators.tasks.publish import RecordFailureOperator
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
    row = component_row(registry, plan)
    children = {task["label"]: task["id"] for task in running_hub.admin().getTaskChildren(row.task_id)}
    assert {arch: followed.task_id for arch, followed in row.followed.items()} == dict.fromkeys(
        plan.arches, row.task_id
    )
    assert {arch: followed.arch_task_id for arch, followed in row.followed.items()} == {
        arch: children[arch] for arch in plan.arches
    }


@pytest.mark.parametrize("proved", [(4, 7), (7, 4)])
def test_koji_gets_what_mbs_would_send_on_the_newest_repository_whichever_gate_ended_first(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, proved: tuple[int, int]
) -> None:
    for repo_id in proved:
        registry.builds.proved(plan.build_id, repo_id)
    run.hold(builder(plan))
    sent = running_hub.admin().getTaskInfo(component_row(registry, plan).task_id, request=True)
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
    monkeypatch.setattr("mbs.steps.submission.CLAIM", timedelta(seconds=2))

    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("mbs.steps.submission._recorded" if not recorded else "mbs.steps.following.Builds._begun", dies)
        with pytest.raises(Killed):
            run.hold(builder(plan))
    assert run.finish(builder(plan)) == "success"
    assert running_hub.counts()["build"] == submitted + 1


def test_a_submission_whose_answer_is_lost_is_found_again(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = running_hub.counts().get("build", 0)
    real = HubSession.multicall_once

    def loses_its_answer(hub: HubSession, calls: Any) -> list[Any]:
        real(hub, calls)
        raise HubUnavailable("the answer was lost")

    task = builder(plan)
    with capture_logs() as log, monkeypatch.context() as patched:
        patched.setattr(HubSession, "multicall_once", loses_its_answer)
        follower = run.hold(task)
    assert [line["event"] for line in log if "is away" in line["event"]] == [
        "The Koji hub is away, waiting for it: the answer was lost"
    ]
    assert run.until_ended(task, follower) == "success"
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
    follower = run.hold(builder(plan))
    follower.drop([task.id for task in follower.held], cancel="Canceled by carol")
    assert not follower.held
    assert follower.step() == []
    row = component_row(registry, plan)
    assert running_hub.admin().getTaskInfo(row.task_id)["state"] == 3
    assert (row.state, row.reason) == (ComponentState.CANCELED, "Canceled by carol")
    sibling = builder(plan, arch="aarch64")
    assert run.finish(sibling) == "failed"
    assert "canceled" in run.errors["tool.aarch64"]


def test_a_process_that_is_told_to_end_cancels_the_build_and_records_it(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=60)
    task = builder(plan)
    run.hold(task)
    task.on_kill()
    row = component_row(registry, plan)
    assert (row.state, row.reason) == (ComponentState.CANCELED, CANCELED)
    assert running_hub.admin().getTaskInfo(row.task_id)["state"] == 3


def test_a_hub_that_is_away_is_waited_for(run: AirflowRun, plan: BuildPlan, running_hub: RunningHub) -> None:
    running_hub.set_fault("bad_gateway", 2)
    task = builder(plan)
    with capture_logs() as log:
        assert run.finish(task) == "success"
    told = [line["event"] for line in log]
    assert len([line for line in told if "The Koji hub is away, waiting for it" in line]) == 1
    assert "It answers again." in told


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
    assert run.finish(RepoSensor(task_id="repo", plan=plan, batch=("noarch-words", "tool"))) == "failed"
    assert "Component(s) noarch-words, tool failed to build." in run.errors["repo"]


def test_a_build_that_takes_too_long_is_canceled_with_the_reason(
    run: AirflowRun,
    plan: BuildPlan,
    running_hub: RunningHub,
    registry: Registry,
    faults: OrderFault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults(kind="slow", package="tool", seconds=60)
    monkeypatch.setattr(tasks, "PATIENCE", {**tasks.PATIENCE, Kind.BUILD_COMPONENT: timedelta(seconds=1)})
    assert run.finish(builder(plan)) == "failed"
    assert "It took longer than it may" in run.errors["tool.x86_64"]
    row = component_row(registry, plan)
    assert row.state is ComponentState.CANCELED
    assert running_hub.admin().getTaskInfo(row.task_id)["state"] == 3


def ended(running_hub: RunningHub, task_id: int) -> Any:
    """Wait for the end of a Koji task and give its state."""
    return until(lambda: (state := running_hub.admin().getTaskInfo(task_id)["state"]) in {2, 3, 5} and state)


def until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to hold, and give it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    pytest.fail("It did not happen.")


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
    follower = run.hold(builder(plan))
    assert ended(running_hub, component_row(registry, plan).task_id) == 2
    follower.drop([task.id for task in follower.held], cancel="Canceled by carol")
    follower.step()
    row = component_row(registry, plan)
    assert (row.state, row.reason) == (ComponentState.COMPLETE, None)
    run.clear(builder(plan))
    assert run.finish(builder(plan)) == "success"


@pytest.mark.parametrize("state", [ComponentState.CANCELED, ComponentState.FAILED])
def test_what_koji_has_built_counts_where_it_is_recorded_as_ended_badly_and_the_gate_takes_it(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, state: ComponentState
) -> None:
    task = builder(plan)
    run.hold(task)
    assert ended(running_hub, component_row(registry, plan).task_id) == 2
    with registry.component(plan.build_id, "tool") as component:
        component.finished(state, reason="so it seemed")
    submitted = running_hub.counts()["build"]
    run.clear(task)
    gate = RepoSensor(task_id="repo", plan=plan, batch=("tool",))
    assert run.finish(task) == run.finish(gate) == "success", run.errors
    assert running_hub.counts()["build"] == submitted
    assert component_row(registry, plan).state is ComponentState.COMPLETE


def test_the_gate_alone_takes_what_koji_has_built_where_it_is_recorded_as_canceled(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry
) -> None:
    run.hold(builder(plan))
    assert ended(running_hub, component_row(registry, plan).task_id) == 2
    with registry.component(plan.build_id, "tool") as component:
        component.finished(ComponentState.CANCELED, reason="so it seemed")
    assert run.finish(RepoSensor(task_id="repo", plan=plan, batch=("tool",))) == "success", run.errors


def test_a_build_that_goes_on_in_koji_is_followed_also_where_it_is_recorded_as_canceled(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=5)
    task = builder(plan)
    run.hold(task)
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
    run.hold(task)
    assert component_row(registry, plan).task_id != first
    assert [row.state for row in registry.components.trace(component_row(registry, plan).id)][-3:] == [
        ComponentState.DELETED,
        None,
        ComponentState.BUILDING,
    ]


def _deleted(answer: Any, task_id: int) -> Any:
    if isinstance(answer, list):
        return [_deleted(row, task_id) for row in answer]
    if isinstance(answer, dict) and answer.get("task_id") == task_id:
        return {**answer, "state": 2}
    return answer


def test_a_task_that_was_cleared_follows_all_arches_of_its_new_build(
    run: AirflowRun, plan: BuildPlan, faults: OrderFault, registry: Registry, running_hub: RunningHub
) -> None:
    faults(kind="fail", package="tool", arch="aarch64", times=1)
    late = builder(plan, arch="aarch64")
    assert run.finish(late) == "failed"
    run.clear(late)
    faults(kind="slow", package="tool", arch="x86_64", seconds=5)
    follower = run.hold(late)
    task_id = component_row(registry, plan).task_id
    until(lambda: _arch_states(running_hub, task_id).get("aarch64") == 2)
    run.go_on(late, follower)
    assert follower.held, "aarch64 is built, and x86_64 is not"
    assert run.until_ended(late, follower) == "success"
    assert component_row(registry, plan).state is ComponentState.COMPLETE


def _arch_states(running_hub: RunningHub, task_id: int) -> dict[str, int]:
    return {task["label"]: task["state"] for task in running_hub.admin().getTaskChildren(task_id)}


def test_a_canceled_build_is_told_once(
    run: AirflowRun, plan: BuildPlan, running_hub: RunningHub, registry: Registry, faults: OrderFault
) -> None:
    faults(kind="slow", package="tool", seconds=60)
    task = builder(plan)
    follower = run.hold(task)
    running_hub.admin().cancelTask(component_row(registry, plan).task_id)
    assert run.until_ended(task, follower) == "failed"
    assert run.errors["tool.x86_64"].count("canceled") == 1
