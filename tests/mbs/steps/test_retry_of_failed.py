from __future__ import annotations

import pytest

from mbs.koji.tasks import TaskInfo, TaskState
from mbs.registry import Followed
from mbs.steps.component import Attempt

BUILD = TaskInfo(id=5, method="build", state=TaskState.FAILED, completion_ts=1000.0)
DURING, AFTER = 900.0, 1100.0


@pytest.mark.parametrize(
    ("attempt", "allowed"),
    [
        pytest.param(Attempt(0, DURING), False, id="first arrival after the failure"),
        pytest.param(Attempt(0, DURING, Followed(5, 0, DURING)), False, id="the same round: a lost worker"),
        pytest.param(Attempt(1, DURING, Followed(5, 0, DURING)), True, id="cleared since it followed the build"),
        pytest.param(Attempt(1, DURING, Followed(5, 1, DURING)), False, id="followed it in this round"),
        pytest.param(Attempt(1, DURING, Followed(4, 0, DURING)), False, id="cleared, but follows an unseen successor"),
        pytest.param(Attempt(0, AFTER), True, id="the run was started again"),
        pytest.param(Attempt(0, AFTER, Followed(5, 0, AFTER)), False, id="this round, whatever the clocks say"),
        pytest.param(Attempt(0, AFTER, Followed(5, 3, DURING)), True, id="followed before the run was started again"),
        pytest.param(Attempt(1, DURING, Followed(5, 0, 800.0)), True, id="cleared, whatever the clocks say"),
        pytest.param(Attempt(0, None), False, id="a run without a start"),
    ],
)
def test_a_failed_build_is_replaced_only_where_a_person_asked_for_it(attempt: Attempt, allowed: bool) -> None:
    assert attempt.may_replace(BUILD) is allowed
