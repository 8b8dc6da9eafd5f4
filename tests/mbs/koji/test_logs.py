from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mbs.koji.faults import explained
from mbs.koji.logs import LOGS_AT_ONCE, FailedBuild, FailureReport, logs_of, report_failures
from mbs.koji.session import Call
from mbs.koji.tasks import TaskInfo, TaskState

BROKEN = (
    "error building package (arch x86_64), mock exited with status 1; see build.log or root.log for more information"
)
NO_ROOT = "error building package (arch x86_64), mock exited with status 30; see root.log for more information"
FRAMES = """\
Traceback (most recent call last):
  File "/usr/lib/python3.9/site-packages/koji/tasks.py", line 368, in run
    return self.handler(*self.params, **self.opts)
OSError: [Errno 28] No space left on device
"""


@pytest.mark.parametrize(
    ("reason", "sizes", "log"),
    [
        (BROKEN, {"build.log": 9, "root.log": 9}, ("build.log", "root.log")),
        (BROKEN, {"build.log": 0, "root.log": 9}, ("root.log",)),
        (NO_ROOT, {"build.log": 9, "root.log": 9}, ("root.log", "build.log")),
        ("Error running GIT command", {"checkout.log": 5}, ("checkout.log",)),
        ("... see checkout.log for details", {"build.log": 9, "checkout.log": 5}, ("checkout.log", "build.log")),
        ("could not init mock buildroot", {"mock_output.log": 5, "mock_config.log": 5}, ("mock_output.log",)),
        ("Build already exists", {}, ()),
    ],
)
def test_the_log_that_tells_the_reason_is_read_first(reason: str, sizes: dict[str, int], log: tuple[str, ...]) -> None:
    assert logs_of(reason, sizes) == log


def test_a_report_says_what_where_and_why_and_the_lines_that_matter() -> None:
    task = TaskInfo(id=39, method="buildArch", state=TaskState.FAILED, arch="x86_64", label="x86_64")
    reason = explained(BROKEN, package="perl", dist=DIST)
    report = FailureReport("perl", "x86_64", 37, task, "builder-1", reason, lines=("make: *** [all] Error 1",))
    where, words = (
        "Koji's buildArch task 39 on builder-1",
        "error building package (arch x86_64), mock exited with status 1",
    )
    assert str(report).splitlines() == [f"perl (x86_64): {where} failed: {words}", "  make: *** [all] Error 1"]


DIST = "module_f40+7+c0ffee42"


def exists(release: str) -> str:
    """Write what Koji says to a second build of a name, version and release."""
    facts = {"name": "tool", "version": "1.0", "release": release, "epoch": None, "extra": {"source": {"x": 1}}}
    return f"Build already exists (id=8, state=COMPLETE): {facts}"


def test_a_package_without_a_dist_tag_is_told_so_instead_of_koji_s_dictionary() -> None:
    said = explained(exists("1"), package="tool", dist=DIST)
    assert said.startswith("Koji has tool-1.0-1 already (build 8)")
    assert "The release of tool must end in %{?dist}" in said
    assert "{'" not in said
    assert "epoch" not in said


def test_a_build_of_the_same_name_that_still_runs_is_told_with_its_task() -> None:
    said = explained("Build already in progress (task 55)", package="tool", dist=DIST)
    assert "in task 55" in said
    assert "The release of tool must end in %{?dist}" in said


def test_a_build_of_this_module_from_another_commit_is_not_blamed_on_the_dist_tag() -> None:
    said = explained(exists(f"1.{DIST}"), package="tool", dist=DIST)
    assert said == (
        f"Koji has tool-1.0-1.{DIST} already (build 8), of this module build but not of this commit. "
        "Delete it in Koji, or submit a new commit."
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (NO_ROOT, "error building package (arch x86_64), mock exited with status 30"),
        (
            'Error running GIT command "git clone -n https://x/y z", see checkout.log for details',
            'Error running GIT command "git clone -n https://x/y z"',
        ),
        (FRAMES, "OSError: [Errno 28] No space left on device"),
        ("Koji gives no reason", "Koji gives no reason"),
        ("Build already exists (id=8, state=COMPLETE)", "Koji has the same build already (build 8)"),
    ],
)
def test_koji_s_words_are_told_without_frames_and_without_a_log_to_look_into(fault: str, said: str) -> None:
    assert explained(fault, package="tool", dist=DIST).startswith(said)
    assert "see " not in explained(fault, package="tool", dist=DIST)


def test_a_canceled_task_is_told_once() -> None:
    task = TaskInfo(id=13, method="build", state=TaskState.CANCELED)
    report = FailureReport("perl", "x86_64", 13, task, None, "Task 13 is canceled")
    assert report.summary == "perl (x86_64): Koji's build task 13 was canceled."


@dataclass
class FailedTasks:
    """A hub that knows why tasks failed, by their logs; `silent` ones say it in root.log alone."""

    silent: frozenset[int] = frozenset()
    asked: list[Call] = field(default_factory=list)
    most: int = 0
    """Logs that were read at once."""

    def multicall(self, calls: Iterable[Call]) -> list[Any]:
        made = list(calls)
        self.asked += made
        self.most = max(self.most, sum(one.method == "downloadTaskOutput" for one in made))
        return [self._answer(*one.args) if one.method == "downloadTaskOutput" else ANSWERS[one.method] for one in made]

    def _answer(self, task_id: int, name: str) -> str:
        is_telling = (task_id in self.silent) == (name == "root.log")
        text = ("error: it is broken\n" if name == "build.log" else "nothing provides it\n") if is_telling else "fine\n"
        return base64.b64encode(text.encode()).decode()


ANSWERS: dict[str, Any] = {
    "getHost": {"name": "builder-1"},
    "getTaskResult": {"faultString": BROKEN},
    "listTaskOutput": {"build.log": {"st_size": "9"}, "root.log": {"st_size": "9"}, "state.log": {"st_size": "9"}},
}


def failed_build(number: int, arch: str) -> FailedBuild:
    """Give a build whose x86_64 failed, as a task of one of its arches sees it."""
    child = TaskInfo(number + 1, "buildArch", TaskState.FAILED, label="x86_64", host_id=7)
    return FailedBuild(TaskInfo(number, "build", TaskState.FAILED), [child], f"p{number}", arch, DIST)


def test_a_whole_batch_that_fails_is_asked_about_once_for_each_task_and_builder() -> None:
    hub = FailedTasks()
    failed = [failed_build(10 * number, arch) for number in range(50) for arch in ("x86_64", "aarch64")]
    reports = report_failures(hub, failed)  # type: ignore[arg-type] # it has the one call that is made
    assert Counter(one.method for one in hub.asked) == {
        "getHost": 1,
        "getTaskResult": 50,
        "listTaskOutput": 50,
        "downloadTaskOutput": 50,
    }
    assert hub.most == LOGS_AT_ONCE
    assert [report.package for report in reports] == [one.package for one in failed]
    assert {(report.host, report.log, report.lines) for report in reports} == {
        ("builder-1", "build.log", ("error: it is broken",))
    }


def test_another_log_is_read_only_where_the_likeliest_says_nothing() -> None:
    hub = FailedTasks(silent=frozenset({11}))
    reports = report_failures(hub, [failed_build(0, "x86_64"), failed_build(10, "x86_64")])  # type: ignore[arg-type]
    assert [one.args[:2] for one in hub.asked if one.method == "downloadTaskOutput"] == [
        (1, "build.log"),
        (11, "build.log"),
        (11, "root.log"),
    ]
    assert [report.lines for report in reports] == [("error: it is broken",), ("nothing provides it",)]
