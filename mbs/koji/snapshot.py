"""What is waited for in a hub, thousands of builds at once, and what has changed of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeGuard

from mbs.koji.faults import KojiValue
from mbs.koji.repos import RequestInfo
from mbs.koji.session import Call, Hub, call
from mbs.koji.tasks import UNSUCCESSFUL, TaskInfo, TaskState
from mbs.model.errors import HubRefused

TASKS_PER_CALL = 500
"""`getTaskInfo` takes a list of ids, `listTasks` one of parents."""

MARGIN = 60.0
"""Seconds that a hub may need from the moment it writes as a task's start or end to the commit that shows it."""

SWEEP = 720
"""Looks within which every task is asked for wholly, whatever its children do: an hour by default."""


class TaskKey(NamedTuple):
    """Wait for a task and its children. Keys are tuples, for thousands of them are compared at every look."""

    id: int
    kind: str = "task"


class RequestKey(NamedTuple):
    """Wait for a repository request (Koji 1.35 and later)."""

    id: int
    kind: str = "request"


Key: TypeAlias = TaskKey | RequestKey


@dataclass(frozen=True, slots=True)
class TaskSnapshot:
    """A task as it was seen, with its children."""

    task: TaskInfo
    children: tuple[TaskInfo, ...] = ()

    def updated(self, changed: Mapping[int, TaskInfo]) -> TaskSnapshot:
        """Give it with these children, by their ids, as they are now."""
        children = {**{child.id: child for child in self.children}, **changed}
        return replace(self, children=tuple(children[each] for each in sorted(children)))


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """A repository request as it was seen."""

    request: RequestInfo


Snapshot: TypeAlias = TaskSnapshot | RequestSnapshot | HubRefused


def poll(hub: Hub, keys: Iterable[Key]) -> dict[Key, Snapshot]:
    """Ask for all that the keys show, in one chain of multicalls. Raises HubUnavailable."""
    keys = set(keys)
    tasks = sorted(key for key in keys if isinstance(key, TaskKey))
    requests = sorted(key for key in keys if isinstance(key, RequestKey))
    answers = iter(hub.multicall([*_whole(tasks), *(call("repo.checkRequest", key.id) for key in requests)]))
    found: dict[Key, Snapshot] = {}
    for chunk in _chunks(tasks):
        found |= _task_snapshots(chunk, next(answers), next(answers))
    return found | {key: _request_snapshot(next(answers)) for key in requests}


class Watch:
    """Looks again and again at what is waited for: asks only for what may have changed, and gives only what has.

    Of a build that waits for running children only those children are asked for that ended lately, of 500 builds in one
    call. All else of a build changes only after such a child has ended, so any other is asked for wholly; so is every
    one now and then, for what no rule foresees. That a child started is only told to people, so the more builds there
    are, the more seldom it is asked for. Times are the hub's: the newest seen, less `MARGIN`.
    """

    def __init__(self) -> None:
        """Begin without a memory."""
        self._seen: dict[Key, Snapshot] = {}
        self._busy: dict[TaskKey, TaskSnapshot] = {}
        """Builds that wait for running children; first those of which nothing new was seen the longest."""
        self._newest = self._newest_at_starts = 0.0
        self._looks = 0

    @property
    def seen(self) -> Mapping[Key, Snapshot]:
        """What the keys of the last look have shown."""
        return self._seen

    def changes(self, hub: Hub, keys: AbstractSet[Key]) -> dict[Key, Snapshot]:
        """Give what is new of these keys, and all that a new key shows; other keys are forgotten.

        A refusal is given at every look, but never of a task that was seen before: a later look sees it again. Raises
        HubUnavailable, and remembers what it knew then.
        """
        wanted = set(keys)
        self._forget(wanted)
        chunks = list(_chunks(list(self._busy)))
        starts = bool(chunks) and self._looks % len(chunks) == 0
        lists = hub.multicall(self._questions(chunks, starts=starts)) if chunks else []
        merged = self._merged(lists)
        done = [key for key, seen in merged.items() if not _is_busy(seen)]
        whole = poll(hub, wanted.difference(self._busy).union(self._swept(), done))
        self._remember_times(lists, whole, starts=starts)
        return self._remember(merged | {key: seen for key, seen in whole.items() if not self._passes(key, seen)})

    def _forget(self, wanted: set[Key]) -> None:
        """Forget what is waited for no more. Sets do it: a step of Python for each of thousands would cost more."""
        for gone in set(self._seen).difference(wanted):
            del self._seen[gone]
            if isinstance(gone, TaskKey):
                self._busy.pop(gone, None)

    def _questions(self, chunks: Iterable[Sequence[TaskKey]], *, starts: bool) -> Iterator[Call]:
        for chunk in chunks:
            parents = [key.id for key in chunk]
            yield call("listTasks", {"parent": parents, "completedAfter": self._newest - MARGIN})
            if starts:
                since = self._newest_at_starts - MARGIN
                yield call("listTasks", {"parent": parents, "startedAfter": since, "state": [TaskState.OPEN.value]})

    def _swept(self) -> Iterable[TaskKey]:
        """Give the builds whose turn it is to be asked for wholly: every one within `SWEEP` looks."""
        count = len(self._busy)
        return islice(self._busy, count * (self._looks + 1) // SWEEP - count * self._looks // SWEEP)

    def _merged(self, lists: Iterable[KojiValue]) -> dict[Key, Snapshot]:
        """Put the children that started or ended into what is known of their builds."""
        changed: defaultdict[TaskKey, dict[int, TaskInfo]] = defaultdict(dict)
        for row in _rows(lists):
            changed[TaskKey(row["parent"])][row["id"]] = TaskInfo.read(row)
        return {key: self._busy[key].updated(children) for key, children in changed.items()}

    def _passes(self, key: Key, seen: Snapshot) -> bool:
        """Tell whether it is a refusal that a later look will not find."""
        return isinstance(seen, HubRefused) and isinstance(self._seen.get(key), TaskSnapshot)

    def _remember_times(self, lists: Sequence[KojiValue], whole: Mapping[Key, Snapshot], *, starts: bool) -> None:
        """Move on to the newest time in the lists, unless one is missing; where none was asked for, to that of a build.

        The times of builds that are seen wholly beside others may be after the moment of which the lists tell.
        """
        if any(isinstance(rows, HubRefused) for rows in lists):
            return
        tasks = (
            task for seen in whole.values() if isinstance(seen, TaskSnapshot) for task in (seen.task, *seen.children)
        )
        times = (
            (TaskInfo.read(row).changed_ts for row in _rows(lists)) if lists else (task.changed_ts for task in tasks)
        )
        self._newest = max([self._newest, *times])
        if starts or not lists:
            self._newest_at_starts = self._newest

    def _remember(self, found: Mapping[Key, Snapshot]) -> dict[Key, Snapshot]:
        changed = {key: seen for key, seen in found.items() if self._seen.get(key) != seen}
        self._looks += 1
        self._seen |= changed
        for key, seen in found.items():
            if isinstance(key, TaskKey):
                self._busy.pop(key, None)
                if _is_busy(seen):
                    self._busy[key] = seen
        return changed


def _is_busy(seen: Snapshot) -> TypeGuard[TaskSnapshot]:
    """Tell whether a task waits for children that run: it neither ends nor makes others before one of them ends."""
    if not isinstance(seen, TaskSnapshot):
        return False
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


def _task_snapshots(keys: Sequence[TaskKey], infos: KojiValue, rows: KojiValue) -> dict[Key, Snapshot]:
    """Read what `_whole` has asked for of one chunk."""
    refused = next((answer for answer in (infos, rows) if isinstance(answer, HubRefused)), None)
    if refused is not None:
        return dict.fromkeys(keys, refused)
    children: defaultdict[int, list[TaskInfo]] = defaultdict(list)
    for row in rows:
        children[row["parent"]].append(TaskInfo.read(row))
    return {key: _task_snapshot(key, info, children[key.id]) for key, info in zip(keys, infos, strict=True)}


def _task_snapshot(key: TaskKey, info: KojiValue, children: Iterable[TaskInfo]) -> Snapshot:
    if info is None:
        return HubRefused(f"there is no task {key.id}", call="getTaskInfo")
    return TaskSnapshot(TaskInfo.read(info), tuple(sorted(children, key=lambda child: child.id)))


def _request_snapshot(answer: KojiValue) -> Snapshot:
    return answer if isinstance(answer, HubRefused) else RequestSnapshot(RequestInfo.read(answer))


def _rows(lists: Iterable[KojiValue]) -> Iterator[Mapping[str, KojiValue]]:
    """Give the tasks of all lists; none of one that the hub refused, for a later look sees them."""
    for rows in lists:
        yield from () if isinstance(rows, HubRefused) else rows


def _chunks(keys: Sequence[TaskKey]) -> Iterator[Sequence[TaskKey]]:
    for start in range(0, len(keys), TASKS_PER_CALL):
        yield keys[start : start + TASKS_PER_CALL]
