"""How a component's build ended, by what Koji says."""

from __future__ import annotations

import pytest

from mbs.koji.builds import BuildInfo, BuildState
from mbs.koji.tasks import TaskInfo, TaskState
from mbs.model.states import ComponentState
from mbs.registry.rows import Finished
from mbs.steps.ending import ending, outcome

CLOSED = TaskInfo(7, "build", TaskState.CLOSED)


def build(state: BuildState) -> BuildInfo:
    return BuildInfo(id=70, nvr="tool-1-1", name="tool", release="1", state=state, task_id=7)


def test_a_component_is_what_its_koji_task_is() -> None:
    found = {state: outcome(TaskInfo(1, "build", state)) for state in TaskState}
    assert found[TaskState.CLOSED] is ComponentState.COMPLETE
    assert found[TaskState.CANCELED] is ComponentState.CANCELED
    assert found[TaskState.FAILED] is ComponentState.FAILED
    assert {found[state] for state in (TaskState.FREE, TaskState.OPEN, TaskState.ASSIGNED)} == {None}


def test_what_is_built_is_complete_with_its_nvr_whatever_it_was_to_be_canceled_for() -> None:
    end = ending(CLOSED, build(BuildState.COMPLETE), "Canceled by pat")
    assert end == Finished(ComponentState.COMPLETE, "tool-1-1", None, 7, 70)


@pytest.mark.parametrize("found", [None, build(BuildState.DELETED)], ids=["unknown", "deleted"])
def test_what_was_built_and_is_gone_is_no_success(found: BuildInfo | None) -> None:
    end = ending(CLOSED, found)
    assert end is not None
    assert end.state is ComponentState.FAILED
    assert "no complete build of it any more" in (end.reason or "")


def test_a_build_that_goes_on_has_no_end() -> None:
    assert ending(TaskInfo(7, "build", TaskState.OPEN), None, "Canceled by pat") is None
