from __future__ import annotations

from mbs.koji.repos import RepoDied, RepoInfo, RepoReady, RepoRequested, RequestInfo, judge
from mbs.koji.tasks import TaskState


def test_a_request_is_satisfied_by_a_repository_that_is_new_enough() -> None:
    assert judge(RequestInfo(1, active=False, repo=RepoInfo(9, create_event=70)), 70) == RepoReady(RepoInfo(9, 70))


def test_a_repository_of_before_the_tagging_is_no_answer() -> None:
    verdict = judge(RequestInfo(1, active=False, repo=RepoInfo(9, create_event=69)), 70)
    assert verdict == RepoDied("repository 9 is of event 69, before 70")


def test_an_active_request_is_waited_for() -> None:
    assert judge(RequestInfo(1, active=True), 70) == RepoRequested(1)


def test_a_request_that_koji_gave_up_says_after_how_many_tries() -> None:
    verdict = judge(RequestInfo(1, active=False, tries=4, task_id=131, task_state=TaskState.CANCELED), 70)
    assert verdict == RepoDied("Koji gave up repository request 1 after 4 tries; newRepo task 131 is CANCELED")
