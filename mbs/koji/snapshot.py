"""Everything that someone waits for in a hub, asked in one multicall. Pure but for the one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mbs.koji.faults import KojiValue
from mbs.koji.repos import RequestInfo
from mbs.koji.session import Call, Hub, call
from mbs.koji.tasks import TaskInfo
from mbs.model.errors import HubRefused

TASKS_PER_CALL = 500
"""`getTaskInfo` takes a list of ids."""


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """Wait for a task and its children."""

    id: int


@dataclass(frozen=True, slots=True, order=True)
class RequestKey:
    """Wait for a repository request (Koji 1.35 and later)."""

    id: int


@dataclass(frozen=True, slots=True, order=True)
class HubKey:
    """Wait for the hub to answer at all."""


Key: TypeAlias = TaskKey | RequestKey | HubKey


@dataclass(frozen=True, slots=True)
class TaskSnapshot:
    """A task as it was seen, with its children."""

    task: TaskInfo
    children: tuple[TaskInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """A repository request as it was seen."""

    request: RequestInfo


@dataclass(frozen=True, slots=True)
class HubSnapshot:
    """The hub answers."""


Snapshot: TypeAlias = TaskSnapshot | RequestSnapshot | HubSnapshot | HubRefused


def look(hub: Hub, keys: Iterable[Key]) -> dict[Key, Snapshot]:
    """Ask for all keys in one chain of multicalls. Raises HubUnavailable."""
    keys = set(keys)
    tasks = sorted({key for key in keys if isinstance(key, TaskKey)})
    requests = sorted({key for key in keys if isinstance(key, RequestKey)})
    answers = iter(hub.multicall(_questions(tasks, requests)))
    snapshots = {**_task_snapshots(tasks, answers), **_request_snapshots(requests, answers)}
    return {**snapshots, HubKey(): HubSnapshot()} if HubKey() in keys else snapshots


def see(hub: Hub, task_id: int) -> TaskSnapshot:
    """See a task and its children now. Raises HubUnavailable, HubRefused."""
    key = TaskKey(task_id)
    snapshot = look(hub, [key])[key]
    if isinstance(snapshot, HubRefused):
        raise snapshot
    assert isinstance(snapshot, TaskSnapshot)  # noqa: S101 # a task's key gives a task's snapshot
    return snapshot


def _questions(tasks: Sequence[TaskKey], requests: Sequence[RequestKey]) -> Iterator[Call]:
    if not (tasks or requests):
        yield call("getAPIVersion")
    for chunk in _chunks(tasks):
        yield call("getTaskInfo", [key.id for key in chunk])
    for key in tasks:
        yield call("getTaskChildren", key.id)
    for request in requests:
        yield call("repo.checkRequest", request.id)


def _task_snapshots(keys: Sequence[TaskKey], answers: Iterator[KojiValue]) -> dict[Key, Snapshot]:
    infos = [info for chunk in _chunks(keys) for info in _spread(next(answers), len(chunk))]
    return {key: _task_snapshot(key, info, next(answers)) for key, info in zip(keys, infos, strict=True)}


def _request_snapshots(keys: Sequence[RequestKey], answers: Iterator[KojiValue]) -> dict[Key, Snapshot]:
    return {key: _request_snapshot(next(answers)) for key in keys}


def _task_snapshot(key: TaskKey, info: KojiValue, children: KojiValue) -> Snapshot:
    for answer in (info, children):
        if isinstance(answer, HubRefused):
            return answer
    if info is None:
        return HubRefused(f"there is no task {key.id}", call="getTaskInfo")
    return TaskSnapshot(TaskInfo.read(info), tuple(sorted(map(TaskInfo.read, children), key=lambda child: child.id)))


def _request_snapshot(answer: KojiValue) -> Snapshot:
    return answer if isinstance(answer, HubRefused) else RequestSnapshot(RequestInfo.read(answer))


def _spread(answer: KojiValue, count: int) -> Sequence[KojiValue]:
    return [answer] * count if isinstance(answer, HubRefused) else answer


def _chunks(keys: Sequence[TaskKey]) -> Iterator[Sequence[TaskKey]]:
    for start in range(0, len(keys), TASKS_PER_CALL):
        yield keys[start : start + TASKS_PER_CALL]
