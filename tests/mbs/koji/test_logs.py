from __future__ import annotations

import pytest

from mbs.koji.logs import FailureReport, choose_log
from mbs.koji.tasks import TaskInfo, TaskState

BROKEN = (
    "error building package (arch x86_64), mock exited with status 1; see build.log or root.log for more information"
)
NO_ROOT = "error building package (arch x86_64), mock exited with status 30; see root.log for more information"


@pytest.mark.parametrize(
    ("reason", "sizes", "log"),
    [
        (BROKEN, {"build.log": 9, "root.log": 9}, "build.log"),
        (BROKEN, {"build.log": 0, "root.log": 9}, "root.log"),
        (NO_ROOT, {"build.log": 9, "root.log": 9}, "root.log"),
        ("Error running GIT command", {"checkout.log": 5}, "checkout.log"),
        ("Build already exists", {}, None),
    ],
)
def test_the_log_that_tells_the_reason_is_chosen(reason: str, sizes: dict[str, int], log: str | None) -> None:
    assert choose_log(reason, sizes) == log


def test_a_report_says_what_where_and_why_and_ends_with_the_log() -> None:
    task = TaskInfo(id=39, method="buildArch", state=TaskState.FAILED, arch="x86_64", label="x86_64")
    report = FailureReport("perl", "x86_64", 37, task, "builder-1", BROKEN, "build.log", ("make: *** [all] Error 1",))
    assert str(report).splitlines() == [
        f"perl (x86_64): Koji's buildArch task 39 on builder-1 failed: {BROKEN}",
        "--- the last 1 lines of build.log",
        "make: *** [all] Error 1",
    ]
