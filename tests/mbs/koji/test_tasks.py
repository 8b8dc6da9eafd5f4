from __future__ import annotations

from typing import Any

import pytest

from mbs.koji.tasks import (
    Failed,
    Outcome,
    Skipped,
    Succeeded,
    TaskInfo,
    TaskState,
    Waiting,
    culprit,
    follow,
    follow_through,
)


def task(state: str, task_id: int = 1, method: str = "build", **fields: Any) -> TaskInfo:
    return TaskInfo(id=task_id, method=method, state=TaskState[state], **fields)


def arch_task(label: str, state: str, task_id: int = 10, awaited: bool | None = True) -> TaskInfo:
    return task(state, task_id, "buildArch", arch=label, label=label, awaited=awaited)


SRPM = task("CLOSED", 2, "buildSRPMFromSCM", label="srpm")


@pytest.mark.parametrize(
    ("build", "children", "kind"),
    [
        pytest.param("FREE", [], Waiting, id="nobody has taken it"),
        pytest.param("OPEN", [SRPM], Waiting, id="the sources are made"),
        pytest.param("OPEN", [SRPM, arch_task("x86_64", "OPEN")], Waiting, id="the arch is built"),
        pytest.param("OPEN", [SRPM, arch_task("x86_64", "CLOSED")], Succeeded, id="the arch is done, others are not"),
        pytest.param("CLOSED", [SRPM, arch_task("x86_64", "CLOSED")], Succeeded, id="all is done"),
        pytest.param("FAILED", [SRPM, arch_task("x86_64", "CLOSED")], Succeeded, id="done before a sibling failed"),
        pytest.param("OPEN", [SRPM, arch_task("noarch", "CLOSED")], Succeeded, id="a noarch package, for every arch"),
        pytest.param("OPEN", [SRPM, arch_task("noarch", "OPEN")], Waiting, id="a noarch package that is built"),
        pytest.param("OPEN", [SRPM, arch_task("aarch64", "OPEN")], Skipped, id="Koji waits for other arches only"),
        pytest.param("OPEN", [SRPM, arch_task("aarch64", "FREE", awaited=None)], Waiting, id="more arches may come"),
        pytest.param("CLOSED", [SRPM, arch_task("aarch64", "CLOSED")], Skipped, id="complete without the arch"),
        pytest.param("OPEN", [SRPM, arch_task("x86_64", "FAILED")], Failed, id="the arch failed"),
        pytest.param("FAILED", [SRPM, arch_task("x86_64", "CANCELED")], Failed, id="a sibling failed"),
        pytest.param("FAILED", [], Failed, id="the sources could not be had"),
        pytest.param("CANCELED", [arch_task("x86_64", "CANCELED")], Failed, id="canceled"),
        pytest.param("ASSIGNED", [SRPM], Waiting, id="its builder was restarted"),
    ],
)
def test_a_build_means_for_one_arch(build: str, children: list[TaskInfo], kind: type[Outcome]) -> None:
    assert isinstance(follow(task(build), children, "x86_64"), kind)


def test_a_package_followed_as_noarch_that_has_arches_is_done_when_all_are() -> None:
    children = [arch_task("x86_64", "CLOSED")]
    assert isinstance(follow(task("OPEN"), children, "noarch"), Waiting)
    assert isinstance(follow(task("CLOSED"), children, "noarch"), Succeeded)


def test_the_culprit_is_a_child_that_failed_and_not_one_that_was_canceled_for_it() -> None:
    failed, canceled = arch_task("aarch64", "FAILED", 11), arch_task("x86_64", "CANCELED", 10)
    assert culprit(task("FAILED"), [canceled, failed], "x86_64") is failed
    assert culprit(task("FAILED"), [canceled], "x86_64").method == "build"


def test_the_own_arch_is_the_culprit_where_several_failed() -> None:
    children = [arch_task("aarch64", "FAILED", 10), arch_task("x86_64", "FAILED", 11)]
    assert culprit(task("FAILED"), children, "x86_64").id == 11


def test_what_is_waited_for_is_the_arch_s_own_task_as_soon_as_there_is_one() -> None:
    outcome = follow(task("OPEN"), [SRPM, arch_task("x86_64", "OPEN", 12)], "x86_64")
    assert isinstance(outcome, Waiting)
    assert outcome.task.id == 12


DONE, GOES_ON = arch_task("x86_64", "CLOSED"), arch_task("aarch64", "OPEN", 11)


@pytest.mark.parametrize(
    ("build", "children", "whole", "kind"),
    [
        pytest.param("OPEN", [DONE, GOES_ON], False, Succeeded, id="another arch goes on, and its task sees the end"),
        pytest.param("OPEN", [DONE, GOES_ON], True, Waiting, id="nobody else may follow the other arch"),
        pytest.param("OPEN", [DONE], False, Waiting, id="the last arch waits for the import"),
        pytest.param("OPEN", [GOES_ON], False, Skipped, id="not built for the arch"),
        pytest.param("OPEN", [GOES_ON], True, Waiting, id="not built for the arch, but the others are followed"),
        pytest.param("CLOSED", [DONE], True, Succeeded, id="all is done"),
        pytest.param("FAILED", [DONE], False, Failed, id="the import failed"),
        pytest.param("FAILED", [DONE, arch_task("aarch64", "FAILED", 11)], False, Succeeded, id="the other task fails"),
        pytest.param("FAILED", [DONE, arch_task("aarch64", "FAILED", 11)], True, Failed, id="no other task may fail"),
        pytest.param("CANCELED", [DONE], False, Failed, id="canceled when all arches were done"),
    ],
)
def test_some_task_of_a_component_sees_the_end_of_its_build(
    build: str, children: list[TaskInfo], whole: bool, kind: type[Outcome]
) -> None:
    assert isinstance(follow_through(task(build), children, "x86_64", whole=whole), kind)
