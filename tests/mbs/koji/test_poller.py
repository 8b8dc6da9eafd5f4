from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from mbs.koji.poller import HubPoller, Pace, Unavailable, Update
from mbs.koji.session import Call
from mbs.koji.snapshot import HubKey, HubSnapshot, RequestKey, TaskKey, TaskSnapshot
from mbs.koji.tasks import TaskState
from mbs.model.errors import HubRefused, HubUnavailable


@dataclass
class FakeHub:
    """A hub whose tasks are all in one state; it counts what it is asked."""

    state: TaskState = TaskState.OPEN
    away: bool = False
    asked: list[int] = field(default_factory=list)
    looked: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def multicall(self, calls: Iterable[Call]) -> list[Any]:
        if self.away:
            raise HubUnavailable("nobody there")
        made = list(calls)
        self.asked.append(len(made))
        self.looked.set()
        return [self._answer(one) for one in made]

    def _answer(self, one: Call) -> Any:
        if one.method == "getTaskInfo":
            return [None if task_id == 404 else self._task(task_id) for task_id in one.args[0]]
        return HubRefused("No such request") if one.method == "repo.checkRequest" else []

    def _task(self, task_id: int) -> dict[str, Any]:
        fields = {"label": None, "host_id": None, "awaited": None, "completion_ts": None}
        return {"id": task_id, "method": "build", "arch": "noarch", "state": self.state.value, **fields}


@pytest.fixture
def fake() -> FakeHub:
    return FakeHub()


@pytest.fixture
def poller(fake: FakeHub) -> HubPoller:
    return HubPoller(lambda: fake, Pace(0.05))  # type: ignore[arg-type, return-value] # it has what the poller uses


def test_five_thousand_who_wait_cost_one_chain_of_calls(poller: HubPoller, fake: FakeHub) -> None:
    told: queue.Queue[Update] = queue.Queue()
    for waiter in range(5000):
        poller.watch(TaskKey(waiter // 2), told.put)
    for _ in range(5000):
        told.get(timeout=20)
    lists_of_500 = 5
    assert fake.asked[-1] == 2 * lists_of_500


def test_only_what_is_new_is_told(poller: HubPoller, fake: FakeHub) -> None:
    told: queue.Queue[Update] = queue.Queue()
    poller.watch(TaskKey(1), told.put)
    first = told.get(timeout=5)
    fake.looked.clear()
    fake.looked.wait(5)
    assert told.empty()
    fake.state = TaskState.CLOSED
    second = told.get(timeout=5)
    assert isinstance(first, TaskSnapshot)
    assert isinstance(second, TaskSnapshot)
    assert (first.task.state, second.task.state) == (TaskState.OPEN, TaskState.CLOSED)


def test_who_leaves_is_told_nothing_more(poller: HubPoller, fake: FakeHub) -> None:
    told: queue.Queue[Update] = queue.Queue()
    leave = poller.watch(TaskKey(1), told.put)
    told.get(timeout=5)
    leave()
    fake.state = TaskState.CLOSED
    other: queue.Queue[Update] = queue.Queue()
    poller.watch(TaskKey(2), other.put)
    other.get(timeout=5)
    assert told.empty()


def test_a_hub_that_is_away_is_told_and_found_again(poller: HubPoller, fake: FakeHub) -> None:
    told: queue.Queue[Update] = queue.Queue()
    fake.away = True
    poller.watch(TaskKey(1), told.put)
    assert isinstance(told.get(timeout=5), Unavailable)
    fake.away = False
    while isinstance(update := told.get(timeout=5), Unavailable):
        pass
    assert isinstance(update, TaskSnapshot)


def test_one_refusal_ends_one_wait_only(poller: HubPoller) -> None:
    told: dict[Any, queue.Queue[Update]] = {key: queue.Queue() for key in (TaskKey(404), TaskKey(1), RequestKey(9))}
    for key, listener in told.items():
        poller.watch(key, listener.put)
    kinds = {key: type(listener.get(timeout=5)) for key, listener in told.items()}
    assert kinds == {TaskKey(404): HubRefused, TaskKey(1): TaskSnapshot, RequestKey(9): HubRefused}


def test_whoever_waits_for_the_hub_alone_costs_one_call(poller: HubPoller, fake: FakeHub) -> None:
    told: queue.Queue[Update] = queue.Queue()
    for _ in range(100):
        poller.watch(HubKey(), told.put)
    assert isinstance(told.get(timeout=5), HubSnapshot)
    assert set(fake.asked) == {1}


def test_work_that_is_asked_for_is_done_with_the_poller_s_session(poller: HubPoller, fake: FakeHub) -> None:
    assert id(poller.ask(lambda hub: hub).result(timeout=5)) == id(fake)
    with pytest.raises(ZeroDivisionError):
        poller.ask(lambda _: 1 // 0).result(timeout=5)


def test_looks_become_rarer_while_nothing_changes_and_frequent_again_when_something_does() -> None:
    pace = Pace(4.0)
    slower = pace.after(4.0, changed=False)
    assert 4.0 < slower < 12.0
    assert pace.after(11.0, changed=False) == 12.0
    assert pace.after(12.0, changed=True) == 4.0
    assert pace.after_unavailable(40.0) == 48.0
