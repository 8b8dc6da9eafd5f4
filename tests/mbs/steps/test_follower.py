"""Tasks of module builds done together on a real hub and registry: once each, whoever holds them, wherever it ends."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from mbs.koji import builds
from mbs.koji.logs import FailedBuild, FailureReport, report_failures
from mbs.koji.session import Call, Hub, HubAccount, HubSession
from mbs.koji.tags import ensure_inheritance, ensure_tags
from mbs.model.errors import HubUnavailable
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState, ModuleState
from mbs.planning.graph import Kind, graph
from mbs.registry import ComponentRow, Finished, Registry, engine_for
from mbs.settings import Settings
from mbs.steps import component, holding, submission
from mbs.steps.follower import Follower
from mbs.steps.tasks import End, Failed, Interrupted, Succeeded, Task
from tests.conftest import RunningHub
from tests.counting import Counted
from tests.module_builds import NewPlan, new_plan

__all__ = ["new_plan"]

RUN_STARTED = time.time()
SOON = Settings(koji_poll_interval=0.2)


@dataclass
class Told:
    """Runs of tasks that remember what they were told."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)

    def log(self, task: Task, sentence: str, *, level: str = "info") -> None:  # noqa: ARG002 # its form
        self.lines.append((task.node.task_id, sentence))

    def failed_tasks(self, task: Task) -> list[str]:  # noqa: ARG002 # its form
        return self.failed

    def left(self, task: Task, task_ids: Sequence[str], key: str) -> list[Any]:  # noqa: ARG002 # its form
        return [self.xcoms.get((task_id, key)) for task_id in task_ids]

    def said(self, words: str) -> int:
        """Count the lines with these words."""
        return sum(words in line for _, line in self.lines)


@dataclass
class World:
    """A hub, a registry, and followers of them."""

    running_hub: RunningHub
    registry: Registry
    told: Told = field(default_factory=Told)

    def session(self) -> Counted:
        return Counted(HubAccount(self.running_hub.url, authentication="password", user="mbs", password="mbs"))

    def follower(
        self,
        holder: str = "me",
        *,
        session: HubSession | None = None,
        settings: Settings = SOON,
        aside: Executor | None = None,
        registry: Registry | None = None,
    ) -> Follower:
        hub = session or self.session()
        return Follower(lambda: hub, registry or self.registry, settings, self.told, holder=holder, aside=aside)

    def row(self, plan: BuildPlan, name: str = "tool") -> ComponentRow:
        return next(row for row in self.registry.components.of(plan.build_id) if row.name == name)

    @property
    def builds(self) -> int:
        """How many builds were submitted."""
        return self.running_hub.counts().get("build", 0)


@pytest.fixture
def world(running_hub: RunningHub, registry: Registry) -> Iterator[World]:
    yield World(running_hub, registry)
    running_hub.set_fault("build_faults", None)


@pytest.fixture
def tagged(world: World, new_plan: NewPlan) -> Callable[..., BuildPlan]:
    """Give what records a module build of packages in batch 1, and makes its tags."""

    def make(*packages: str, new_tags: bool = True) -> BuildPlan:
        plan = new_plan(*((name, 1) for name in packages))
        if new_tags:
            world.registry.builds.begins_with_new_tags(plan.build_id)
        with world.session() as hub:
            ensure_tags(hub, plan)
            ensure_inheritance(hub, plan)
        return plan

    return make


def tasks(plan: BuildPlan, *kinds: Kind, round_: int = 0, id_: str = "") -> list[Task]:
    """Give the tasks of these kinds."""
    return [
        Task(f"{node.task_id} {round_}{id_}", plan, node, round_, time.time(), RUN_STARTED)
        for node in graph(plan)
        if node.kind in kinds
    ]


def until_ended(follower: Follower, seconds: float = 120) -> dict[str, End]:
    """Go on until all tasks have ended; give how, by their ids in the graph."""
    ended: dict[str, End] = {}
    end = time.monotonic() + seconds
    while follower.held:
        assert time.monotonic() < end, follower.held
        ended |= {task.node.task_id: how for task, how in follower.step()}
        time.sleep(follower.due)
    return ended


def follow(follower: Follower, *each: Task) -> None:
    """Have tasks followed as far as Koji lets them."""
    follower.take(each)
    while follower.held and not follower.due:
        follower.step()


def test_a_batch_costs_few_calls_requests_and_transactions(
    world: World, tagged: Callable[..., BuildPlan], registry_engine: Engine
) -> None:
    names = [f"part{number:02}" for number in range(20)]
    plan = tagged(*names)
    world.registry.components.finish(plan.build_id, {MACROS: Finished(ComponentState.COMPLETE)})
    transactions: Counter[str] = Counter()
    for kind in ("commit", "rollback"):
        event.listen(registry_engine, kind, lambda _, kind=kind: transactions.update([kind]))
    hub = world.session()
    follower = world.follower(session=hub, settings=Settings(koji_poll_interval=2.0))
    follower.take(tasks(plan, Kind.BUILD_COMPONENT))
    follower.step()
    assert hub.calls["build"] == 20
    assert hub.calls["untaggedBuilds"] == 0
    assert hub.requests <= 4, "what is there, the builds, a look, the names of builders"
    assert transactions.total() <= 2, "the intents, and the Koji tasks"
    ended = until_ended(follower, 300)
    assert set(map(type, ended.values())) == {Succeeded}
    gate = [task for task in tasks(plan, Kind.REPO) if task.node.gate_for]
    follower.take(gate)
    assert set(map(type, until_ended(follower).values())) == {Succeeded}
    assert hub.calls.total() <= 13 * 20, hub.calls
    assert hub.requests <= 2 * 20
    assert transactions.total() <= 3 * 20, transactions
    rows = {row.name: row for row in world.registry.components.of(plan.build_id)}
    assert all(rows[name].nvr == f"{name}-1-1.{plan.dist}" and rows[name].tagged_in_final for name in names)
    assert all(rows[name].followed[arch].arch_task_id for name in names for arch in plan.arches)


@pytest.mark.parametrize("new_tags", [True, False])
def test_two_holders_at_once_submit_each_component_once(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch, new_tags: bool
) -> None:
    monkeypatch.setattr("mbs.steps.following.LATER", 0.1)
    plan = tagged("tool", "noarch-words", "x86-tool", new_tags=new_tags)
    before, barrier = world.builds, threading.Barrier(2)

    def hold(holder: str) -> dict[str, End]:
        follower = world.follower(holder)
        follower.take(tasks(plan, Kind.BUILD_COMPONENT, id_=holder))
        barrier.wait()
        return until_ended(follower)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(hold, ("one", "other"))
    assert world.builds == before + 3
    assert one.keys() == other.keys()
    for name, end in one.items():
        assert type(end) is type(other[name])
    assert {row.state for row in world.registry.components.of(plan.build_id) if row.batch} == {ComponentState.COMPLETE}


class Killed(BaseException):
    """The end of a process."""


def dies(*_: Any, **__: Any) -> Any:
    raise Killed


@pytest.mark.parametrize(
    ("where", "made"), [("_look", 0), ("submit", 0), ("_recorded", 1)], ids=["before it looked", "before", "after"]
)
def test_another_one_looks_in_koji_for_what_was_intended_and_not_recorded_when_its_claim_is_over(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch, where: str, made: int
) -> None:
    monkeypatch.setattr("mbs.steps.following.LATER", 0.1)
    monkeypatch.setattr(submission, "CLAIM", timedelta(seconds=3))
    plan, before = tagged("tool"), world.builds
    with monkeypatch.context() as killed:
        killed.setattr(submission, where, dies)
        first = world.follower("killed")
        first.take(tasks(plan, Kind.BUILD_COMPONENT))
        with pytest.raises(Killed):
            first.step()
    assert world.builds == before + made
    assert world.row(plan).intent
    second = world.follower("another")
    second.take(tasks(plan, Kind.BUILD_COMPONENT))
    second.step()
    assert world.builds == before + made, "the claim of the first may still be acted upon"
    assert set(map(type, until_ended(second).values())) == {Succeeded}
    assert world.builds == before + 1
    assert any(map(world.told.said, ("Adopted Koji task", "Found the existing build"))) == bool(made)


def test_who_lapses_between_submission_and_record_records_nothing_and_another_adopts(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "CLAIM", timedelta(0))
    plan, before = tagged("tool"), world.builds
    lapsed, real = threading.Event(), HubSession.multicall_once

    def lapses(hub: HubSession, calls: Sequence[Call]) -> list[Any]:
        answers = real(hub, calls)
        lapsed.set()
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(HubSession, "multicall_once", lapses)
        first = world.follower("stopped")
        first.take(tasks(plan, Kind.BUILD_COMPONENT))
        assert first.step(may_act=lambda: not lapsed.is_set()) == []
    row = world.row(plan)
    assert (row.task_id, row.intent) == (None, True)
    second = world.follower("another")
    follow(second, *tasks(plan, Kind.BUILD_COMPONENT))
    assert world.row(plan).task_id is not None
    assert world.builds == before + 1
    for _ in range(3):
        assert first.step(may_act=lambda: False) == []
    assert set(map(type, until_ended(second).values())) == {Succeeded}


def test_who_lapses_while_he_looks_submits_nothing(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, before = tagged("tool"), world.builds
    lapsed, real = threading.Event(), builds.find_builds

    def lapses(*looks: Any) -> Any:
        found = real(*looks)
        lapsed.set()
        return found

    monkeypatch.setattr(submission, "find_builds", lapses)
    follower = world.follower()
    follower.take(tasks(plan, Kind.BUILD_COMPONENT))
    assert follower.step(may_act=lambda: not lapsed.is_set()) == []
    assert world.builds == before
    assert world.row(plan).intent


def test_who_claimed_long_ago_claims_anew_before_he_submits(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "SEND", -1.0)
    plan, before = tagged("tool"), world.builds
    claims, real = list[int](), submission._claim

    def claim(*given: Any, **named: Any) -> Any:
        claims.append(1)
        return real(*given, **named)

    monkeypatch.setattr(submission, "_claim", claim)
    follower = world.follower()
    follow(follower, *tasks(plan, Kind.BUILD_COMPONENT))
    assert len(claims) == 2
    assert world.builds == before + 1
    assert world.row(plan).attempt == 1


def test_who_may_not_act_writes_nothing(world: World, tagged: Callable[..., BuildPlan]) -> None:
    plan = tagged("tool")
    hub = world.session()
    follower = world.follower(session=hub)
    follower.take(tasks(plan, Kind.CREATE_TAG, Kind.BUILD_COMPONENT, Kind.REPO))
    assert follower.step(may_act=lambda: False) == []
    assert hub.requests == 0
    assert not world.row(plan).intent
    assert world.registry.builds.get(plan.build_id).state is ModuleState.WAIT


def test_a_job_that_is_done_aside_stops_where_its_tasks_are_not_surely_ours(
    world: World, tagged: Callable[..., BuildPlan]
) -> None:
    plan = tagged("tool")
    (task,) = tasks(plan, Kind.LINK_DEPENDENCIES)
    allowed = iter([True, True, True])
    hub = world.session()
    follower = world.follower(session=hub)
    follower.take([task])
    assert follower.step(may_act=lambda: next(allowed, False)) == []
    assert hub.calls["setInheritanceData"] == 0
    assert isinstance(until_ended(follower)[task.node.task_id], Succeeded)


def test_what_another_one_takes_is_forgotten_and_goes_on_there(world: World, tagged: Callable[..., BuildPlan]) -> None:
    plan, before = tagged("tool"), world.builds
    each = tasks(plan, Kind.BUILD_COMPONENT)
    first, second = world.follower("first"), world.follower("second")
    follow(first, *each)
    first.drop([task.id for task in each], cancel=None)
    assert not first.held
    assert first.step() == []
    assert world.row(plan).state is ComponentState.BUILDING
    second.take(each)
    assert set(map(type, until_ended(second).values())) == {Succeeded}
    assert world.builds == before + 1
    assert world.row(plan).state is ComponentState.COMPLETE


def test_a_clear_of_a_held_task_cancels_its_build_and_makes_another(
    world: World, tagged: Callable[..., BuildPlan]
) -> None:
    world.running_hub.set_fault("build_faults", [{"kind": "slow", "package": "tool", "seconds": 15, "times": 1}])
    plan, before = tagged("tool"), world.builds
    with ThreadPoolExecutor(1) as aside:
        follower = world.follower(aside=aside)
        each = tasks(plan, Kind.BUILD_COMPONENT)
        follow(follower, *each)
        first = world.row(plan).task_id
        follower.drop([task.id for task in each], cancel="Cleared by carol")
        follower.take(tasks(plan, Kind.BUILD_COMPONENT, round_=1))
        ended = until_ended(follower)
    assert set(map(type, ended.values())) == {Succeeded}, world.told.lines
    assert world.builds == before + 2
    assert world.running_hub.admin().getTaskInfo(first)["state"] == 3
    assert world.row(plan).task_id != first
    states = [trace.state for trace in world.registry.components.trace(world.row(plan).id)]
    assert states[-1] is ComponentState.COMPLETE


def test_a_task_that_is_dropped_before_it_was_begun_anew_cancels_what_its_earlier_try_built(
    world: World, tagged: Callable[..., BuildPlan]
) -> None:
    world.running_hub.set_fault("build_faults", [{"kind": "slow", "package": "tool", "seconds": 60}])
    plan = tagged("tool")
    each = tasks(plan, Kind.BUILD_COMPONENT)
    follow(world.follower("killed"), *each)
    follower = world.follower("restarted")
    follower.take(each)
    follower.drop([each[0].id], cancel="Marked by carol")
    follower.step()
    row = world.row(plan)
    assert (row.state, row.reason) == (ComponentState.CANCELED, "Marked by carol")


def test_a_component_is_recorded_as_complete_also_where_its_tasks_have_ended_before(
    world: World, tagged: Callable[..., BuildPlan]
) -> None:
    plan = tagged("tool")
    each = tasks(plan, Kind.BUILD_COMPONENT)
    follower = world.follower()
    follow(follower, *each)
    follower._keeper.held.clear()  # as when a person has marked them successful while the root task goes on
    end = time.monotonic() + 60
    while world.row(plan).state is not ComponentState.COMPLETE and time.monotonic() < end:
        follower.step()
        time.sleep(0.2)
    assert world.row(plan).nvr == f"tool-1-1.{plan.dist}"


def test_a_hub_that_stays_away_ends_the_waiting_when_its_patience_is_over(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.running_hub.set_fault("build_faults", [{"kind": "slow", "package": "tool", "seconds": 60}])
    plan = tagged("tool")
    follower = world.follower(settings=replace_settings(koji_away_timeout=1.0))
    follow(follower, *tasks(plan, Kind.BUILD_COMPONENT))
    follower.take(tasks(plan, Kind.LINK_DEPENDENCIES))

    def away(*_: Any, **__: Any) -> Any:
        raise HubUnavailable("the hub is down")

    monkeypatch.setattr(HubSession, "multicall", away)
    ended = until_ended(follower)
    assert len(ended) == 3
    for end in ended.values():
        assert isinstance(end, Failed)
        assert end.failure.reason == "The Koji hub was away for 0.0 hours: the hub is down"
    assert world.told.said("The Koji hub is away, waiting for it: the hub is down") == 3


def replace_settings(**changes: Any) -> Settings:
    return Settings(**{"koji_poll_interval": 0.2, **changes})


def test_a_registry_that_stays_away_interrupts_what_needs_it(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "REGISTRY_PATIENCE", 0.5)
    plan = tagged("tool")
    nowhere = Registry(engine_for("postgresql://nobody@127.0.0.1:9/nothing"))
    follower = world.follower(registry=nowhere)
    follower.take(tasks(plan, Kind.BUILD_COMPONENT, Kind.CREATE_TAG))
    ended = until_ended(follower)
    assert len(ended) == 3
    assert all(isinstance(end, Interrupted) and "does not answer" in end.reason for end in ended.values())


def test_a_defect_that_one_task_meets_ends_no_other(world: World, tagged: Callable[..., BuildPlan]) -> None:
    plan = tagged("tool", "noarch-words")
    unplanned = replace(plan, components=tuple(one for one in plan.components if one.name != "noarch-words"))
    each = [
        Task(task.id, unplanned, task.node, 0, task.started, task.run_started)
        for task in tasks(plan, Kind.BUILD_COMPONENT)
    ]
    follower = world.follower()
    follower.take(each)
    ended = until_ended(follower)
    for task_id, end in ended.items():
        assert isinstance(end, Interrupted if "noarch-words" in task_id else Succeeded), (task_id, end)
    assert world.told.said("Traceback") == 2


def test_everything_of_a_module_build_is_done_by_one_follower_with_threads_aside(
    world: World, new_plan: NewPlan
) -> None:
    plan = new_plan(("noarch-words", 1))
    with ThreadPoolExecutor(2) as aside:
        follower = world.follower(aside=aside)
        for node in graph(plan):
            if node.kind is Kind.RECORD_FAILURE:
                continue
            follower.take([Task(node.task_id, plan, node, 0, time.time(), time.time())])
            for end in until_ended(follower).values():
                assert isinstance(end, Succeeded), end
                world.told.xcoms |= {(node.task_id, key): value for key, value in end.left.items()}
    build = world.registry.builds.get(plan.build_id)
    assert (build.state, build.has_new_tags) == (ModuleState.READY, True)
    assert build.repo_id == world.running_hub.admin().getRepo(plan.build_tag)["id"]
    assert isinstance(end, Succeeded)
    assert end.announces == {"nsvc": str(plan.nsvc), "build_id": plan.build_id}


def test_a_task_past_its_patience_is_not_begun(world: World, tagged: Callable[..., BuildPlan]) -> None:
    plan = tagged("tool")
    (task,) = tasks(plan, Kind.CREATE_TAG)
    follower = world.follower()
    follower.take([Task(task.id, plan, task.node, 0, 0.0, 0.0)])
    (end,) = until_ended(follower).values()
    assert isinstance(end, Failed)
    assert end.failure.reason == holding.TOO_LONG


def test_why_a_whole_batch_failed_is_found_out_together_also_where_koji_is_away_at_first(
    world: World, tagged: Callable[..., BuildPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tagged("p00", "p01", "p02")
    world.running_hub.set_fault("build_faults", [{"kind": "fail", "package": "*", "stage": "srpm"}])
    asked_about: list[set[str]] = []

    def away_at_first(hub: Hub, failed: Sequence[FailedBuild]) -> list[FailureReport]:
        asked_about.append({each.package for each in failed})
        if len(asked_about) == 1:
            msg = "nobody there"
            raise HubUnavailable(msg)
        return report_failures(hub, failed)

    monkeypatch.setattr(component, "report_failures", away_at_first)
    hub = world.session()
    follower = world.follower(session=hub)
    follower.take(tasks(plan, Kind.BUILD_COMPONENT))
    ends = until_ended(follower)
    assert len(ends) == 2 * 3
    assert all(isinstance(end, Failed) for end in ends.values())
    assert world.told.said("The Koji hub is away") >= 1
    assert hub.calls["getTaskResult"] == hub.calls["listTaskOutput"] == 3
    assert set.union(*asked_about[1:]) == {"p00", "p01", "p02"}
    assert {world.row(plan, name).state for name in ("p00", "p01", "p02")} == {ComponentState.FAILED}
