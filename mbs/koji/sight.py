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
class TaskSight:
    """A task as it was seen, with its children."""

    task: TaskInfo
    children: tuple[TaskInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestSight:
    """A repository request as it was seen."""

    request: RequestInfo


@dataclass(frozen=True, slots=True)
class HubSight:
    """The hub answers."""


Sight: TypeAlias = TaskSight | RequestSight | HubSight | HubRefused


def look(hub: Hub, keys: Iterable[Key]) -> dict[Key, Sight]:
    """Ask for all keys in one chain of multicalls. Raises HubAway."""
    keys = set(keys)
    tasks = sorted({key for key in keys if isinstance(key, TaskKey)})
    requests = sorted({key for key in keys if isinstance(key, RequestKey)})
    answers = iter(hub.multicall(_questions(tasks, requests)))
    sights = {**_task_sights(tasks, answers), **_request_sights(requests, answers)}
    return {**sights, HubKey(): HubSight()} if HubKey() in keys else sights


def see(hub: Hub, task_id: int) -> TaskSight:
    """See a task and its children now. Raises HubAway, HubRefused."""
    key = TaskKey(task_id)
    sight = look(hub, [key])[key]
    if isinstance(sight, HubRefused):
        raise sight
    assert isinstance(sight, TaskSight)  # noqa: S101 # a task's key gives a task's sight
    return sight


def _questions(tasks: Sequence[TaskKey], requests: Sequence[RequestKey]) -> Iterator[Call]:
    if not (tasks or requests):
        yield call("getAPIVersion")
    for chunk in _chunks(tasks):
        yield call("getTaskInfo", [key.id for key in chunk])
    for key in tasks:
        yield call("getTaskChildren", key.id)
    for request in requests:
        yield call("repo.checkRequest", request.id)


def _task_sights(keys: Sequence[TaskKey], answers: Iterator[KojiValue]) -> dict[Key, Sight]:
    infos = [info for chunk in _chunks(keys) for info in _spread(next(answers), len(chunk))]
    return {key: _task_sight(key, info, next(answers)) for key, info in zip(keys, infos, strict=True)}


def _request_sights(keys: Sequence[RequestKey], answers: Iterator[KojiValue]) -> dict[Key, Sight]:
    return {key: _request_sight(next(answers)) for key in keys}


def _task_sight(key: TaskKey, info: KojiValue, children: KojiValue) -> Sight:
    for answer in (info, children):
        if isinstance(answer, HubRefused):
            return answer
    if info is None:
        return HubRefused(f"there is no task {key.id}", call="getTaskInfo")
    return TaskSight(TaskInfo.read(info), tuple(sorted(map(TaskInfo.read, children), key=lambda child: child.id)))


def _request_sight(answer: KojiValue) -> Sight:
    return answer if isinstance(answer, HubRefused) else RequestSight(RequestInfo.read(answer))


def _spread(answer: KojiValue, count: int) -> Sequence[KojiValue]:
    return [answer] * count if isinstance(answer, HubRefused) else answer


def _chunks(keys: Sequence[TaskKey]) -> Iterator[Sequence[TaskKey]]:
    for start in range(0, len(keys), TASKS_PER_CALL):
        yield keys[start : start + TASKS_PER_CALL]
