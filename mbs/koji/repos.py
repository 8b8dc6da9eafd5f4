"""Repositories of a build tag: asked for once everything is tagged, and proved to contain it.

Since Koji 1.35 nothing makes a repository because a tag changed: it is requested with the event that it must not be
older than (a request without one is answered with a repository of up to an hour ago). Before, `newRepo` makes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from mbs.koji.faults import is_unknown_method
from mbs.koji.session import Hub
from mbs.koji.tasks import TaskState
from mbs.model.errors import HubRefused


@dataclass(frozen=True, slots=True)
class RepoInfo:
    """A repository that is ready."""

    id: int
    create_event: int
    """The hub's event that its content is of."""

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Read what `getRepo`, `repo.request` and `repo.checkRequest` say of a repository."""
        return cls(id=answer["id"], create_event=answer["create_event"])

    def contains(self, event: int) -> bool:
        """Tell whether everything tagged up to an event is in it."""
        return self.create_event >= event


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request for a repository. The repository may come from another task than the request's own."""

    id: int
    active: bool
    tries: int = 0
    task_id: int | None = None
    task_state: TaskState | None = None
    repo: RepoInfo | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Read the answer of `repo.checkRequest`, or of a `repo.request` that is not satisfied yet."""
        request, repo, state = answer["request"], answer["repo"], answer["request"]["task_state"]
        return cls(
            id=request["id"],
            active=request["active"],
            tries=request["tries"],
            task_id=request["task_id"],
            task_state=None if state is None else TaskState(state),
            repo=None if repo is None else RepoInfo.read(repo),
        )


@dataclass(frozen=True, slots=True)
class RepoReady:
    """There is a repository that contains what it must."""

    repo: RepoInfo


@dataclass(frozen=True, slots=True)
class RepoRequested:
    """A request to wait for (Koji 1.35 and later)."""

    request_id: int


@dataclass(frozen=True, slots=True)
class RepoTask:
    """A `newRepo` task to wait for (earlier Koji); then ask again."""

    task_id: int


@dataclass(frozen=True, slots=True)
class RepoDied:
    """The request ended without a repository; ask again."""

    reason: str


RepoWait: TypeAlias = RepoRequested | RepoTask


def request_repo(hub: Hub, tag: str, event: int) -> RepoReady | RepoWait:
    """Ask for a repository of the tag that contains everything up to `event`; asking again finds the same request."""
    try:
        answer = hub.call("repo.request", tag, min_event=event)
    except HubRefused as refused:
        if not is_unknown_method(refused):
            raise
        return _new_repo(hub, tag, event)
    if answer["repo"] is not None:
        return RepoReady(RepoInfo.read(answer["repo"]))
    return RepoRequested(answer["request"]["id"])


def judge(request: RequestInfo, event: int) -> RepoReady | RepoRequested | RepoDied:
    """Say what a request has come to, for a repository that must contain everything up to `event`."""
    if request.repo is not None and request.repo.contains(event):
        return RepoReady(request.repo)
    if request.repo is not None:
        return RepoDied(f"repository {request.repo.id} is of event {request.repo.create_event}, before {event}")
    if request.active:
        return RepoRequested(request.id)
    last = f"; newRepo task {request.task_id} is {request.task_state.name}" if request.task_state is not None else ""
    return RepoDied(f"Koji gave up repository request {request.id} after {request.tries} tries{last}")


def _new_repo(hub: Hub, tag: str, event: int) -> RepoReady | RepoTask:
    found = hub.call("getRepo", tag)
    if found is not None and found["create_event"] >= event:
        return RepoReady(RepoInfo.read(found))
    return RepoTask(hub.call("newRepo", tag))
