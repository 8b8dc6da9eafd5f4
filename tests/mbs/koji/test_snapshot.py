"""Looking again and again at what is waited for: everything that changes is seen, and little is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.koji import snapshot
from mbs.koji.session import Call
from mbs.koji.snapshot import MARGIN, SWEEP, Key, Snapshot, TaskKey, TaskSnapshot, Watch, poll
from mbs.koji.tasks import TaskState
from mbs.model.errors import HubRefused

NOW = 1_000_000.0


@dataclass
class Tasks:
    """A hub's table of tasks, as the calls that a look makes show it."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    now: float = NOW
    asked: list[Call] = field(default_factory=list)
    refuses: bool = False

    def add(self, task_id: int, parent: int | None = None, *, awaited: bool | None = True) -> None:
        times = {"create_ts": self.now, "start_ts": None, "completion_ts": None}
        state = {"state": TaskState.FREE.value, "arch": "noarch", "label": None, "host_id": None, "awaited": awaited}
        self.rows[task_id] = {"id": task_id, "parent": parent, "method": "build", **state, **times}

    def become(self, task_id: int, state: TaskState) -> None:
        moment = "start_ts" if state is TaskState.OPEN else "completion_ts"
        self.rows[task_id] |= {"state": state.value, moment: self.now}

    def multicall(self, calls: Iterable[Call]) -> list[Any]:
        made = list(calls)
        self.asked += made
        return [self._answer(one) for one in made]

    def _answer(self, one: Call) -> Any:
        if one.method == "getTaskInfo":
            return [self.rows.get(task_id) for task_id in one.args[0]]
        if self.refuses:
            return HubRefused("the database is busy", call=one.method)
        return [dict(row) for row in self.rows.values() if _is_wanted(row, one.args[0])]


def _is_wanted(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    moments = {"startedAfter": row["start_ts"], "completedAfter": row["completion_ts"]}
    asked = [(moments[name], since) for name, since in wanted.items() if name in moments]
    fits = row["parent"] in wanted["parent"] and row["state"] in wanted.get("state", tuple(TaskState))
    return fits and all(at is not None and at > since for at, since in asked)


@pytest.fixture
def hub() -> Tasks:
    found = Tasks()
    found.add(1)
    found.become(1, TaskState.OPEN)
    found.add(2, parent=1)
    return found


def states(snapshot: object) -> list[TaskState]:
    assert isinstance(snapshot, TaskSnapshot)
    return [snapshot.task.state, *(child.state for child in snapshot.children)]


KEYS: set[Key] = {TaskKey(1)}


def test_of_a_build_with_a_running_child_only_what_started_or_ended_lately_is_asked_for(hub: Tasks) -> None:
    watch = Watch()
    watch.changes(hub, KEYS)  # type: ignore[arg-type] # it has the one call that is made
    hub.now += 5
    hub.asked.clear()
    hub.become(2, TaskState.OPEN)
    seen = watch.changes(hub, KEYS)[TaskKey(1)]  # type: ignore[arg-type]
    assert states(seen) == [TaskState.OPEN, TaskState.OPEN]
    since = NOW - MARGIN
    assert [one.args[0] for one in hub.asked] == [
        {"parent": [1], "completedAfter": since},
        {"parent": [1], "startedAfter": since, "state": [TaskState.OPEN]},
    ]


def test_what_has_not_changed_is_not_told(hub: Tasks) -> None:
    watch = Watch()
    assert watch.changes(hub, KEYS) == poll(hub, KEYS) == watch.seen  # type: ignore[arg-type]
    assert watch.changes(hub, KEYS) == {}  # type: ignore[arg-type]
    hub.become(2, TaskState.OPEN)
    assert watch.changes(hub, KEYS) == poll(hub, KEYS) == watch.seen  # type: ignore[arg-type]
    assert watch.changes(hub, KEYS) == {}  # type: ignore[arg-type] # the hub lists it again, for MARGIN seconds


def test_when_the_last_child_has_ended_the_build_itself_is_looked_at(hub: Tasks) -> None:
    watch = Watch()
    for task_id, state in ((2, TaskState.OPEN), (2, TaskState.CLOSED), (1, TaskState.CLOSED)):
        watch.changes(hub, KEYS)  # type: ignore[arg-type]
        hub.become(task_id, state)
    assert states(watch.changes(hub, KEYS)[TaskKey(1)]) == [TaskState.CLOSED, TaskState.CLOSED]  # type: ignore[arg-type]


def test_until_its_parent_waits_for_a_child_there_may_be_more_of_them(hub: Tasks) -> None:
    watch = Watch()
    hub.rows[2]["awaited"] = None
    watch.changes(hub, KEYS)  # type: ignore[arg-type]
    hub.add(3, parent=1, awaited=None)
    found = watch.changes(hub, KEYS)[TaskKey(1)]  # type: ignore[arg-type]
    assert states(found) == [TaskState.OPEN, TaskState.FREE, TaskState.FREE]


def test_a_list_that_is_refused_ends_no_wait_and_hides_nothing(hub: Tasks) -> None:
    watch = Watch()
    first = watch.changes(hub, KEYS)  # type: ignore[arg-type]
    hub.refuses = True
    hub.become(2, TaskState.CLOSED)
    for _ in range(SWEEP):
        assert watch.changes(hub, KEYS) == {}  # type: ignore[arg-type]
    assert watch.seen == first
    hub.now, hub.refuses = hub.now + 10 * MARGIN, False
    assert watch.changes(hub, KEYS) == poll(hub, KEYS)  # type: ignore[arg-type]


def test_what_is_refused_from_the_first_is_told_at_every_look(hub: Tasks) -> None:
    watch, unknown = Watch(), TaskKey(7)
    for _ in range(2):
        assert isinstance(watch.changes(hub, {unknown})[unknown], HubRefused)  # type: ignore[arg-type]


def test_who_is_waited_for_no_more_is_forgotten(hub: Tasks) -> None:
    watch = Watch()
    watch.changes(hub, KEYS)  # type: ignore[arg-type]
    assert watch.changes(hub, set()) == watch.seen == {}  # type: ignore[arg-type]
    assert watch.changes(hub, KEYS) == poll(hub, KEYS)  # type: ignore[arg-type]


def test_every_build_is_asked_for_wholly_now_and_then() -> None:
    hub, watch = Tasks(), Watch()
    builds = set(range(1, 8))
    for build in builds:
        hub.add(build)
        hub.add(100 + build, parent=build)
    keys: set[Key] = set(map(TaskKey, builds))
    watch.changes(hub, keys)  # type: ignore[arg-type]
    for build in builds:
        hub.become(build, TaskState.CANCELED)  # alone, which no list shows
    changed = [watch.changes(hub, keys) for _ in range(SWEEP)]  # type: ignore[arg-type]
    assert sum(len(each) for each in changed[1:]) == len(builds)


def test_the_more_builds_the_more_seldom_is_what_started_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "TASKS_PER_CALL", 2)
    hub, watch = Tasks(), Watch()
    for build in range(1, 7):
        hub.add(build)
        hub.add(100 + build, parent=build)
    keys: set[Key] = {TaskKey(build) for build in range(1, 7)}
    watch.changes(hub, keys)  # type: ignore[arg-type]
    asked = []
    for _ in range(6):
        hub.asked.clear()
        watch.changes(hub, keys)  # type: ignore[arg-type]
        asked.append(sum("startedAfter" in one.args[0] for one in hub.asked))
    assert sorted(asked) == [0, 0, 0, 0, 3, 3]


STATES = {
    "start": TaskState.OPEN,
    "close": TaskState.CLOSED,
    "fail": TaskState.FAILED,
    "cancel": TaskState.CANCELED,
}

Changes = list[tuple[str, int, float]]

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["start", "close", "fail", "cancel", "spawn", "wait"]),
        st.integers(0, 40),
        st.floats(0, 2 * MARGIN),
    ),
    max_size=40,
)


@given(CHANGES, st.integers(1, 6))
def test_whatever_happens_in_a_hub_is_seen_by_the_next_look(changes: Changes, per_call: int) -> None:
    hub, watch = Tasks(), Watch()
    for build in range(5):
        hub.add(build)
    keys: set[Key] = set(map(TaskKey, range(5)))
    told: dict[Key, Snapshot] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "TASKS_PER_CALL", per_call)
        for kind, number, seconds in changes:
            _happen(hub, kind, number)
            told |= watch.changes(hub, keys)  # type: ignore[arg-type]
            assert told == watch.seen
            assert _ends(told) == _ends(poll(hub, keys))  # type: ignore[arg-type]
            hub.now += seconds
        for _ in range(5):
            told |= watch.changes(hub, keys)  # type: ignore[arg-type]
        assert told == poll(hub, keys)  # type: ignore[arg-type]


def _ends(seen: Mapping[Key, Snapshot]) -> Mapping[Key, object]:
    """Give what is seen without what only people want to know: that a child has started."""
    assert all(isinstance(each, TaskSnapshot) for each in seen.values())
    return {
        key: (each.task, [(child.id, child.ended and child.state) for child in each.children])
        for key, each in seen.items()
        if isinstance(each, TaskSnapshot)
    }


def _happen(hub: Tasks, kind: str, number: int) -> None:
    """Do what a hub does: a build ends after its children, or with them; it makes more while none of them runs."""
    row = hub.rows[sorted(hub.rows)[number % len(hub.rows)]]
    children = [child for child in hub.rows.values() if child["parent"] == row["id"] and not _ended(child)]
    if kind == "wait":
        row["awaited"] = True
    elif _ended(row) or (kind == "spawn" and row["parent"] is not None):
        return
    elif kind == "spawn":
        if all(child["awaited"] is None for child in children):
            hub.add(100 + len(hub.rows), parent=row["id"], awaited=None)
    elif kind in {"cancel", "fail"} or not children:
        for each in (row, *children):
            hub.become(each["id"], STATES[kind] if each is row else TaskState.CANCELED)


def _ended(row: Mapping[str, Any]) -> bool:
    return TaskState(row["state"]) not in {TaskState.FREE, TaskState.OPEN}
