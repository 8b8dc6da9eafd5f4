"""What a failed module build tells: of every failed component where, in which Koji task, and the lines that matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import pytest

from mbs.model.plan import BuildPlan
from mbs.model.states import ModuleState
from mbs.planning.ids import NOTE, RECORD_FAILURE
from mbs.planning.notes import NOTE_LENGTH
from mbs.registry import Registry
from mbs.steps.tasks import FAILURE
from operators.tasks.component import BuildComponentOperator
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from operators.tasks.publish import RecordFailureOperator
from tests.conftest import RunningHub
from tests.operators.conftest import AirflowRun, NewPlan


class Prepared(Protocol):
    """Records a module build of some packages and makes its tags."""

    def __call__(self, *packages: str) -> BuildPlan: ...


@pytest.fixture
def prepared(run: AirflowRun, new_plan: NewPlan) -> Prepared:
    """Record a module build of some packages and make its tags."""

    def make(*packages: str) -> BuildPlan:
        plan = new_plan(*((name, 1) for name in packages))
        for operator in (CreateTagOperator, LinkDependenciesOperator):
            assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
        return plan

    return make


@pytest.fixture(autouse=True)
def broken(running_hub: RunningHub) -> Iterator[None]:
    """Have every build of the package `broken` fail."""
    running_hub.set_fault("build_faults", [{"kind": "fail", "package": "broken"}])
    yield
    running_hub.set_fault("build_faults", None)


def builder(plan: BuildPlan, component: str, arch: str = "x86_64") -> BuildComponentOperator:
    return BuildComponentOperator(task_id=f"{component}.{arch}", plan=plan, component=component, arch=arch)


def record(run: AirflowRun, plan: BuildPlan) -> str:
    """End the run, and give its note."""
    task = RecordFailureOperator(task_id=RECORD_FAILURE, plan=plan)
    assert run.finish(task) == "failed"
    return str(run.xcoms[RECORD_FAILURE, NOTE])


def test_every_failed_component_is_in_the_note_with_its_koji_task_and_the_lines_of_its_log_that_matter(
    run: AirflowRun, prepared: Prepared, registry: Registry, running_hub: RunningHub
) -> None:
    plan = prepared("needy", "broken", "tool")
    states = [run.finish(builder(plan, name)) for name in ("tool", "needy", "broken")]
    assert states == ["success", "failed", "failed"]
    note = record(run, plan)
    assert len(note) <= NOTE_LENGTH
    head, needy, broken = note.split("* **")
    assert head.startswith("Failed in 2 places:")
    # Koji tells of the arch whose child failed first, which is either.
    told = re.match(r"needy\*\* \((x86_64|aarch64)\), \[Koji task (\d+)\]\(\S+/koji/taskinfo\?taskID=(\d+)\)", needy)
    assert told, needy
    assert told[2] == told[3]
    assert running_hub.admin().getTaskInfo(int(told[2]))["arch"] == told[1]
    assert "`No matching package to install: 'what-nobody-has'`" in needy
    assert "`error: this failure was asked for`" in broken
    reason = registry.builds.get(plan.build_id).state_reason or ""
    rows = {row.name: row.reason or "" for row in registry.components.of(plan.build_id)}
    for lines in ("No matching package to install: 'what-nobody-has'", "error: this failure was asked for"):
        assert lines in reason
        assert lines in rows["needy"] + rows["broken"]
        assert lines in run.errors[RECORD_FAILURE]
    assert not any("for more information" in text for text in (note, reason, *rows.values()))


def test_a_package_without_a_dist_tag_is_told_so(run: AirflowRun, prepared: Prepared) -> None:
    assert run.finish(builder(prepared("bare"), "bare")) == "success"
    run.clear()
    plan = prepared("bare")
    assert run.finish(builder(plan, "bare")) == "failed"
    note = record(run, plan)
    assert "Koji has bare-1-1 already" in note
    assert "%{?dist}" in note
    assert "{'" not in run.errors["bare.x86_64"]


def test_arches_that_fail_with_the_same_koji_task_are_one_failure(run: AirflowRun, prepared: Prepared) -> None:
    plan = prepared("broken")
    assert [run.finish(builder(plan, "broken", arch)) for arch in ("x86_64", "aarch64")] == ["failed", "failed"]
    assert record(run, plan).startswith("Failed:\n\n* **broken** (noarch)")


def test_a_second_failure_of_a_retried_run_takes_the_place_of_the_first(
    run: AirflowRun, prepared: Prepared, registry: Registry
) -> None:
    plan = prepared("needy", "broken")
    assert run.finish(builder(plan, "needy")) == "failed"
    assert "needy" in record(run, plan)
    run.states["needy.x86_64"] = "success"
    del run.xcoms["needy.x86_64", FAILURE]
    run.states["broken.x86_64"] = "failed"  # stands failed, so that the module build is not taken up again
    assert run.finish(builder(plan, "broken")) == "failed"
    note = record(run, plan)
    assert "needy" not in note
    build = registry.builds.get(plan.build_id)
    assert build.state is ModuleState.FAILED
    assert (build.state_reason or "").startswith("broken (noarch)")


def test_a_reason_that_a_person_gave_is_kept(run: AirflowRun, prepared: Prepared, registry: Registry) -> None:
    plan = prepared("broken")
    registry.builds.transition(plan.build_id, ModuleState.FAILED, "Canceled by carol", "carol")
    run.states["broken.x86_64"] = "failed"
    note = record(run, plan)
    assert "broken.x86_64 failed without a reason of its own" in note
    assert registry.builds.get(plan.build_id).state_reason == "Canceled by carol"


def test_a_task_that_was_lost_is_told_beside_those_with_a_reason(run: AirflowRun, prepared: Prepared) -> None:
    plan = prepared("broken", "tool")
    assert run.finish(builder(plan, "broken")) == "failed"
    run.states["tool.x86_64"] = "failed"
    note = record(run, plan)
    assert "**broken** (noarch)" in note
    assert "tool.x86_64 failed without a reason of its own" in note


def test_a_failure_of_a_task_that_an_older_version_left_is_told(run: AirflowRun, prepared: Prepared) -> None:
    plan = prepared("broken")
    run.states["broken.x86_64"] = "failed"
    run.xcoms["broken.x86_64", FAILURE] = {"at": 1.0, "reason": "broken: it <b>failed</b>"}
    assert "* broken: it \\<b>failed\\</b>" in record(run, plan)
