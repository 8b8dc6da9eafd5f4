"""The builds of components that are held: begun together, followed together, recorded as soon as they have ended."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from mbs.koji.builds import BuildInfo, BuildRequest, builds_of_tasks
from mbs.koji.logs import FailureReport
from mbs.koji.pages import task_url
from mbs.koji.session import call
from mbs.koji.snapshot import Key, Snapshot, TaskKey, TaskSnapshot
from mbs.koji.tasks import Failed, Outcome, Skipped, TaskInfo, TaskState, Waiting, child_for
from mbs.model.errors import HubRefused, Infrastructure
from mbs.model.naming import MACROS, NOARCH
from mbs.model.states import ComponentState
from mbs.registry import HeldComponent
from mbs.steps import tasks
from mbs.steps.component import ArchBuild, Attempt, Failing, give_up, is_without_success, report
from mbs.steps.ending import Change, change, ending, record
from mbs.steps.holding import TOO_LONG, Held, Keeper, Lapsed
from mbs.steps.macros import macros_request
from mbs.steps.submission import Beginning, Following, Later, There, Unmade, Wanted, begin
from mbs.steps.work import Means, failed, resume

_BADLY_ENDED = frozenset({ComponentState.FAILED, ComponentState.CANCELED, ComponentState.DELETED})

LATER = 2.0
"""Seconds until it is looked again what became of another one's submission."""


@dataclass(eq=False, slots=True)
class HeldBuild(Held):
    """A task that follows the build of a component on one arch."""

    component: str = field(init=False)
    build: ArchBuild = field(init=False)
    """What it follows: all arches where a person cleared it, for their tasks need not follow its new build."""
    attempt: Attempt = field(init=False)
    follows: int | None = None
    """The Koji task that builds the component."""
    is_attached: bool = False
    """Whether it was attached to a build that Koji has not shown since: another may have to take its place."""
    is_unseen: bool = False
    """Whether what Koji shows was not acted upon."""
    state: ComponentState | None = None
    """What was recorded of the component when it was begun."""
    arch_task: int | None = None
    """The Koji task of the arch, once it is recorded."""
    replaces: int | None = None
    request: BuildRequest | None = None
    """Of the macros: what was made and uploaded."""

    def __post_init__(self) -> None:
        """Know what to follow."""
        task = self.task
        self.component = task.node.component or MACROS
        self.build = ArchBuild(task.plan.build_id, self.component, task.node.arch or NOARCH, whole=task.round > 0)
        self.attempt = Attempt(task.round, task.run_started)

    @property
    def waits(self) -> bool:
        """Whether Koji builds it."""
        return self.follows is not None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look shows of a held build."""

    held: HeldBuild
    snapshot: TaskSnapshot
    outcome: Outcome

    @property
    def may_be_replaced(self) -> bool:
        """Whether another build may be made, if this one has no success."""
        doubtful = self.held.is_attached or isinstance(self.outcome, Failed)
        return doubtful and self.snapshot.task.ended and self.held.attempt.may_replace(self.snapshot.task)


class Builds:
    """The builds that a follower holds."""

    def __init__(self, keeper: Keeper, holder: str) -> None:
        """Take what holds them; `holder` claims their submissions."""
        self._keeper = keeper
        self._holder = holder
        self._hosts: dict[int, str] = {}
        self._open: dict[int, tuple[int, str]] = {}
        """Koji tasks whose end is not recorded: module build and component. They are watched also without a task."""
        self._ended: set[int] = set()
        """Those of them that may have ended."""
        self._left: set[int] = set()
        """Koji tasks that a dropped task has followed."""
        self._of: defaultdict[int, list[HeldBuild]] = defaultdict(list)
        """What the last look was for, by Koji task."""
        self.is_attached = False
        """Whether something was attached to that no look has shown."""

    def begin(self, group: Collection[HeldBuild]) -> None:
        """Attach to the builds of components of one module build, or submit them."""
        of: defaultdict[str, list[HeldBuild]] = defaultdict(list)
        for held in group:
            of[held.component].append(held)
        self._keeper.apart([(helds, name) for name, helds in of.items()], partial(self._begin, of))

    def keys(self) -> set[TaskKey]:
        """Give what is waited for; every look begins with it."""
        self._of.clear()
        for held in self._keeper.held.values():
            if isinstance(held, HeldBuild) and held.follows is not None:
                self._of[held.follows].append(held)
        for task_id in self._left - self._of.keys():
            self._open.pop(task_id, None)
        self._left.clear()
        return set(map(TaskKey, self._of.keys() | self._open.keys()))

    @property
    def waiting(self) -> Iterator[HeldBuild]:
        """The tasks that the look is for."""
        return chain.from_iterable(self._of.values())

    def left(self, held: HeldBuild) -> None:
        """Watch no longer what nobody follows any more."""
        if held.follows is not None:
            self._left.add(held.follows)

    def see(self, shown: Mapping[Key, Snapshot], changed: Collection[Key]) -> None:
        """Act upon what Koji shows."""
        new = {key.id for key in changed if isinstance(key, TaskKey)}
        for held in chain.from_iterable(self._of[task_id] for task_id in new & self._of.keys()):
            held.is_unseen = True
        seen: defaultdict[int, list[_Seen]] = defaultdict(list)
        for each in self._read(shown, [held for held in self.waiting if held.is_unseen and held.job is None]):
            seen[each.snapshot.task.id].append(each)
        self._ended |= new | seen.keys()
        ended = {task.id: task for task in self._unrecorded(shown)}
        parts = [([each.held for each in seen[task_id]], task_id) for task_id in {**dict.fromkeys(seen), **ended}]
        if parts:
            self._keeper.apart(parts, partial(self._act, seen, ended))
        now = time.time()
        for held in [held for held in self.waiting if now > held.deadline and held.waits and held.job is None]:
            self._give_up(held)

    def _begin(self, of: Mapping[str, Sequence[HeldBuild]], names: Sequence[str]) -> None:
        keeper, first = self._keeper, of[names[0]][0].task
        wanted = [_wanted(name, of[name]) for name in names]
        means = keeper.means
        again = partial(resume, means, first)
        for name, came in begin(means.hub, means.registry, first.plan, wanted, self._holder, again).items():
            for place, held in enumerate(of[name]):
                self._begun(held, came, is_first=place == 0)

    def _begun(self, held: HeldBuild, came: Beginning, *, is_first: bool) -> None:
        keeper = self._keeper
        match came:
            case Following(task_id, said, state, followed, fresh):
                keeper.tell(held, said if is_first or not fresh else f"Attached to Koji task {task_id}.")
                before = followed.get(held.build.arch)
                held.attempt = Attempt(held.task.round, held.task.run_started, before)
                held.arch_task = before.arch_task_id if before and before.task_id == task_id else None
                held.follows, held.state, held.replaces = task_id, state, None
                held.is_attached = held.is_unseen = not fresh
                self.is_attached |= not fresh
                if state is not ComponentState.COMPLETE:
                    self._open[task_id] = held.build.build_id, held.component
            case There(reason):
                keeper.tell(held, reason)
                keeper.end(held, tasks.Succeeded())
            case Unmade():
                keeper.aside(held, partial(_made, held.task), partial(_keep, held))
            case Later():
                held.not_before = time.monotonic() + LATER
            case HubRefused():
                keeper.end(held, failed(held.task, str(came)))

    def _read(self, shown: Mapping[Key, Snapshot], unseen: Collection[HeldBuild]) -> Iterator[_Seen]:
        for held in unseen:
            snapshot = shown.get(TaskKey(held.follows or 0))
            if isinstance(snapshot, HubRefused):
                self._keeper.blame(held, snapshot)
            elif isinstance(snapshot, TaskSnapshot):
                yield _Seen(held, snapshot, held.build.outcome(snapshot))

    def _unrecorded(self, shown: Mapping[Key, Snapshot]) -> Iterator[TaskInfo]:
        """Give the tasks that have ended well, and whose end is not recorded; of others their tasks say why."""
        for task_id in list(self._ended):
            snapshot = shown.get(TaskKey(task_id))
            task = snapshot.task if isinstance(snapshot, TaskSnapshot) else None
            if task_id in self._open and task is not None and task.state is TaskState.CLOSED:
                yield task
                continue
            self._ended.discard(task_id)
            if isinstance(snapshot, HubRefused) or (task is not None and task.ended):
                self._open.pop(task_id, None)

    def _act(self, of: Mapping[int, Sequence[_Seen]], closed: Mapping[int, TaskInfo], task_ids: Sequence[int]) -> None:
        """Record what there is to record; then end the tasks whose arch is done, and replace or report what failed."""
        seen = [each for task_id in task_ids for each in of.get(task_id, ())]
        ended = [closed[task_id] for task_id in task_ids if task_id in closed]
        doubtful = {each.snapshot.task.id for each in seen if each.may_be_replaced}
        asked = {task.id for task in ended} | doubtful
        built = builds_of_tasks(self._keeper.hub, sorted(asked)) if asked else {}
        self._record(seen, ended, built)
        hosts = self._hosts_of(seen)
        failing: list[_Seen] = []
        for each in seen:
            self._keeper.together([each.held], partial(self._decide, each, built, hosts, failing))
        self._report(failing)

    def _record(self, seen: Collection[_Seen], ended: Collection[TaskInfo], built: Mapping[int, BuildInfo]) -> None:
        """Record in one transaction how builds ended, which Koji tasks build the arches, and what runs again."""
        changes: defaultdict[tuple[int, str], list[Change]] = defaultdict(list)
        for each in seen:
            name, child = (each.held.build.build_id, each.held.component), _new_child(each)
            if _runs_again(each):
                changes[name].append(_resumed)
            if child is not None:
                changes[name].append(
                    partial(HeldComponent.builds_arch, arch=each.held.build.arch, arch_task_id=child.id)
                )
        for task in ended:
            if (end := ending(task, built.get(task.id))) is not None:
                changes[self._open[task.id]].append(partial(record, end=end))
        if changes:
            change(self._keeper.registry, changes)
        for each in seen:
            if (child := _new_child(each)) is not None:
                each.held.arch_task = child.id
        for task in ended:
            self._open.pop(task.id, None)
            self._ended.discard(task.id)

    def _decide(
        self, seen: _Seen, built: Mapping[int, BuildInfo], hosts: Mapping[int, str], failing: list[_Seen]
    ) -> None:
        held, task, outcome = seen.held, seen.snapshot.task, seen.outcome
        replaced = seen.may_be_replaced and is_without_success(task, built.get(task.id))
        held.is_unseen = held.is_attached = False
        if replaced:
            held.replaces, held.follows = task.id, None
            return
        match outcome:
            case Failed() if held.attempt.has_followed_before(task) and not task.ended:
                return  # it will be replaced as soon as Koji has ended all of it
            case Failed():
                failing.append(seen)
            case Skipped():
                self._keeper.end(held, tasks.Skipped(f"{held.component} is not built for {held.build.arch}."))
            case Waiting():
                self._keeper.progress(held, f"Koji: build {task.id} {task.state.name}; {_said(outcome.task, hosts)}")
            case _:
                self._keeper.tell(held, f"{held.component} is built for {held.build.arch}.")
                self._keeper.end(held, tasks.Succeeded())

    def _report(self, failing: Sequence[_Seen]) -> None:
        """Find out why builds failed: of a whole batch together, for they have tasks and builders in common."""

        def work(means: Means) -> Mapping[str, FailureReport]:
            found = report(
                means.hub,
                means.registry,
                [Failing(each.held.task.plan, each.held.build, each.snapshot) for each in failing],
            )
            return {each.held.task.id: one for each, one in zip(failing, found, strict=True)}

        parts = [(each.held, partial(self._reported, each.held)) for each in failing]
        self._keeper.aside_for(parts, work, partial(self._unreported, failing))

    def _unreported(self, failing: Sequence[_Seen], held: Held, error: Exception) -> None:
        """See it anew when what did not answer answers again; what is the matter of one is no other's."""
        (seen,) = (each for each in failing if each.held is held)
        if len(failing) > 1 and not isinstance(error, Infrastructure | Lapsed):
            self._report([seen])
            return
        seen.held.is_unseen = True
        self._keeper.blame(held, error)

    def _reported(self, held: HeldBuild, reports: Mapping[str, FailureReport]) -> None:
        found = reports[held.task.id]
        for line in found.tail:
            self._keeper.tell(held, f"{found.log}: {line}", "error")
        facts = {
            "what": held.component,
            "arch": found.failed_arch,
            "koji_task": found.task.id,
            "url": task_url(self._keeper.hub.account.web_url, found.task.id),
            "why": found.reason,
            "lines": found.lines,
        }
        self._keeper.end(held, failed(held.task, str(found), **facts))

    def _give_up(self, held: HeldBuild) -> None:
        def work(means: Means) -> None:
            assert held.follows is not None  # noqa: S101 # it waits
            give_up(means.hub, means.registry, held.build, held.follows, TOO_LONG)

        def look(_: None) -> None:
            held.is_unseen = True

        self._keeper.aside(held, work, look)

    def _hosts_of(self, seen: Collection[_Seen]) -> Mapping[int, str]:
        """Give the names of the builders; a hub is asked for each once."""
        ids = {each.outcome.task.host_id for each in seen if isinstance(each.outcome, Waiting)}
        unknown = sorted(host_id for host_id in ids if host_id is not None and host_id not in self._hosts)
        if unknown:
            answers = self._keeper.hub.multicall(call("getHost", host_id) for host_id in unknown)
            self._hosts |= {
                host_id: str(host["name"])
                for host_id, host in zip(unknown, answers, strict=True)
                if isinstance(host, dict)
            }
        return self._hosts


def _wanted(name: str, helds: Collection[HeldBuild]) -> Wanted:
    by_arch = {held.build.arch: held.task for held in helds}
    replaces = next((held.replaces for held in helds if held.replaces is not None), None)
    return Wanted(name, by_arch, replaces, next((held.request for held in helds if held.request is not None), None))


def _made(task: tasks.Task, means: Means) -> BuildRequest:
    return macros_request(means.hub, means.registry, task.plan, means.settings, means.log_of(task))


def _keep(held: HeldBuild, request: BuildRequest) -> None:
    held.request = request


def _new_child(seen: _Seen) -> TaskInfo | None:
    """Give the Koji task of the arch, if it is not recorded yet."""
    child = child_for(seen.snapshot.children, seen.held.build.arch)
    return child if child is not None and child.id != seen.held.arch_task else None


def _runs_again(seen: _Seen) -> bool:
    """Tell whether what is recorded as ended badly goes on in Koji."""
    return seen.held.is_attached and seen.held.state in _BADLY_ENDED and not seen.snapshot.task.ended


def _resumed(component: HeldComponent) -> None:
    if component.row.state in _BADLY_ENDED:
        component.resumed()


def _said(task: TaskInfo, hosts: Mapping[int, str]) -> str:
    host = f" on {hosts.get(task.host_id, f'host {task.host_id}')}" if task.host_id is not None else ""
    label = f" {task.label}" if task.label else ""
    return f"{task.method}{label} task {task.id} {task.state.name}{host}"
