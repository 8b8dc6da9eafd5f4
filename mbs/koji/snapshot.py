"""Everything that someone waits for in a hub, asked in one multicall. No I/O but that one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mbs.koji.faults import KojiValue
from mbs.koji.repos import RequestInfo
from mbs.koji.session import Call, Hub, call
from mbs.koji.tasks import UNSUCCESSFUL, TaskInfo
from mbs.model.errors import HubRefused

TASKS_PER_CALL = 500
"""`getTaskInfo` takes a list of ids, `listTasks` one of parents."""

MARGIN = 60.0
"""Seconds that a hub may need from the moment it writes as a task's start or end to the commit that shows it."""

SWEEP = 60
"""Polls within which every task is asked for wholly, whatever its children do."""


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


def poll(hub: Hub, keys: Iterable[Key]) -> dict[Key, Snapshot]:
    """Ask for all keys in one chain of multicalls. Raises HubUnavailable."""
    return Watch().poll(hub, keys)


class Watch:
    """Polls again and again what is waited for, and asks only for what may have changed since the last time.

    Of a build that waits for a running child only the children are asked for that started or ended lately, of 500
    builds in one call. All else of a build changes only after such a child has ended, so any other is asked for wholly;
    so is every one now and then, for what no rule foresees. Times are the hub's: the newest seen, less `MARGIN`.
    """

    def __init__(self) -> None:
        """Begin without a memory."""
        self._known: dict[TaskKey, TaskSnapshot] = {}
        self._newest = 0.0
        self._polls = 0

    def poll(self, hub: Hub, keys: Iterable[Key]) -> dict[Key, Snapshot]:
        """Give what every key shows now. Raises HubUnavailable, and remembers what it knew then."""
        keys = set(keys)
        tasks = {key for key in keys if isinstance(key, TaskKey)}
        busy = sorted(key for key, seen in self._known.items() if key in tasks and self._waits(key, seen))
        whole = sorted(tasks.difference(busy))
        requests = sorted(key for key in keys if isinstance(key, RequestKey))
        questions = [*_whole(whole), *_changes(busy, self._newest - MARGIN), *_requested(requests)]
        answers = iter(hub.multicall(questions or [call("getAPIVersion")]))
        snapshots: dict[Key, Snapshot] = {HubKey(): HubSnapshot()} if HubKey() in keys else {}
        snapshots |= self._seen(whole, answers)
        again = self._again(busy, answers)
        snapshots |= again
        snapshots |= {key: _request_snapshot(next(answers)) for key in requests}
        if done := [key for key in busy if not _is_busy(again[key])]:
            snapshots |= self._seen(done, iter(hub.multicall(_whole(done))))
        self._known = {key: seen for key in tasks if isinstance(seen := snapshots[key], TaskSnapshot)}
        self._polls += 1
        return snapshots

    def _waits(self, key: TaskKey, seen: TaskSnapshot) -> bool:
        return _is_busy(seen) and (key.id + self._polls) % SWEEP != 0

    def _seen(self, keys: Sequence[TaskKey], answers: Iterator[KojiValue]) -> dict[Key, Snapshot]:
        found: dict[Key, Snapshot] = {}
        for chunk in _chunks(keys):
            infos, rows = next(answers), next(answers)
            children = self._children(rows)
            for key, info in zip(chunk, _spread(infos, len(chunk)), strict=True):
                self._remember_times(() if isinstance(info, HubRefused | None) else (info,))
                if isinstance(rows, HubRefused):
                    found[key] = self._known.get(key, rows)
                else:
                    found[key] = _task_snapshot(key, info, children[key.id])
        return found

    def _again(self, keys: Sequence[TaskKey], answers: Iterator[KojiValue]) -> dict[Key, TaskSnapshot]:
        found: dict[Key, TaskSnapshot] = {}
        for chunk in _chunks(keys):
            changes = [self._children(rows) for rows in (next(answers), next(answers))]
            for key in chunk:
                known = self._known[key]
                children = {child.id: child for child in (*known.children, *changes[0][key.id], *changes[1][key.id])}
                found[key] = TaskSnapshot(known.task, tuple(children[each] for each in sorted(children)))
        return found

    def _children(self, rows: KojiValue) -> defaultdict[int, list[TaskInfo]]:
        """Give the tasks of an answer by their parent; none of one that the hub refused, for a later poll sees them."""
        found: defaultdict[int, list[TaskInfo]] = defaultdict(list)
        if not isinstance(rows, HubRefused):
            self._remember_times(rows)
            for row in rows:
                found[row["parent"]].append(TaskInfo.read(row))
        return found

    def _remember_times(self, rows: Iterable[Mapping[str, KojiValue]]) -> None:
        times = (row.get(name) for row in rows for name in ("create_ts", "start_ts", "completion_ts"))
        self._newest = max([self._newest, *filter(None, times)])


def _is_busy(seen: TaskSnapshot) -> bool:
    """Tell whether a task waits for children that run: it neither ends nor makes others before one of them ends."""
    running = [child for child in seen.children if not child.ended]
    fails = any(child.state in UNSUCCESSFUL for child in seen.children)
    return bool(running) and not fails and all(child.awaited is not None for child in running)


def task_snapshot(hub: Hub, task_id: int) -> TaskSnapshot:
    """See a task and its children now. Raises HubUnavailable, HubRefused."""
    key = TaskKey(task_id)
    snapshot = poll(hub, [key])[key]
    if isinstance(snapshot, HubRefused):
        raise snapshot
    assert isinstance(snapshot, TaskSnapshot)  # noqa: S101 # a task's key gives a task's snapshot
    return snapshot


def _whole(keys: Sequence[TaskKey]) -> Iterator[Call]:
    for chunk in _chunks(keys):
        ids = [key.id for key in chunk]
        yield call("getTaskInfo", ids)
        yield call("listTasks", {"parent": ids})


def _changes(keys: Sequence[TaskKey], since: float) -> Iterator[Call]:
    for chunk in _chunks(keys):
        for moment in ("startedAfter", "completedAfter"):
            yield call("listTasks", {"parent": [key.id for key in chunk], moment: since})


def _requested(keys: Sequence[RequestKey]) -> Iterator[Call]:
    for key in keys:
        yield call("repo.checkRequest", key.id)


def _task_snapshot(key: TaskKey, info: KojiValue, children: Iterable[TaskInfo]) -> Snapshot:
    if isinstance(info, HubRefused):
        return info
    if info is None:
        return HubRefused(f"there is no task {key.id}", call="getTaskInfo")
    return TaskSnapshot(TaskInfo.read(info), tuple(sorted(children, key=lambda child: child.id)))


def _request_snapshot(answer: KojiValue) -> Snapshot:
    return answer if isinstance(answer, HubRefused) else RequestSnapshot(RequestInfo.read(answer))


def _spread(answer: KojiValue, count: int) -> Sequence[KojiValue]:
    return [answer] * count if isinstance(answer, HubRefused) else answer


def _chunks(keys: Sequence[TaskKey]) -> Iterator[Sequence[TaskKey]]:
    for start in range(0, len(keys), TASKS_PER_CALL):
        yield keys[start : start + TASKS_PER_CALL]
