from __future__ import annotations

import pytest

from mbs.koji.tasks import TaskInfo, TaskState
from mbs.steps.component import Attempt

BUILD = TaskInfo(id=5, method="build", state=TaskState.FAILED, completion_ts=1000.0)
DURING, AFTER = 900.0, 1100.0


@pytest.mark.parametrize(
    ("attempt", "allowed"),
    [
        pytest.param(Attempt(0, DURING, {}), False, id="first arrival after the failure"),
        pytest.param(Attempt(0, DURING, {"5": 0}), False, id="the same round: a lost worker"),
        pytest.param(Attempt(1, DURING, {"5": 0}), True, id="cleared since it followed the build"),
        pytest.param(Attempt(1, DURING, {"5": 1}), False, id="followed it in this round"),
        pytest.param(Attempt(1, DURING, {"4": 0}), False, id="cleared, but follows a successor it has not seen fail"),
        pytest.param(Attempt(0, AFTER, {}), True, id="the run was started again"),
        pytest.param(Attempt(0, AFTER, {"5": 0}), False, id="followed it in this round, whatever the clocks say"),
        pytest.param(Attempt(0, None, {}), False, id="a run without a start"),
    ],
)
def test_a_failed_build_is_replaced_only_where_a_person_asked_for_it(attempt: Attempt, allowed: bool) -> None:
    assert attempt.may_replace(BUILD) is allowed


def test_the_first_round_in_which_a_build_was_followed_is_remembered() -> None:
    first = Attempt(0, DURING, {}).remember(5)
    assert Attempt(3, DURING, first).remember(5) == {"5": 0}
    assert Attempt(3, DURING, first).remember(6) == {"5": 0, "6": 3}
