"""Does tasks of module builds together, from begin to end: what they have in common is asked and recorded once.

Each round begins what is new, looks at Koji for all that waits, and gives what has ended. Nothing is kept here: a
follower that takes what another one held finds in the registry and in Koji what was done. What takes long runs aside.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from mbs.koji.session import HubSession
from mbs.koji.snapshot import Key, Watch
from mbs.model.errors import HubUnavailable, Infrastructure, MbsError
from mbs.planning.graph import Kind
from mbs.registry import Registry
from mbs.registry.rows import Finished
from mbs.settings import Settings
from mbs.steps.component import cancel
from mbs.steps.following import Builds, HeldBuild
from mbs.steps.gates import Gates, HeldGate
from mbs.steps.holding import TOO_LONG, Held, Keeper, Lapsed
from mbs.steps.tasks import End, Run, Task
from mbs.steps.work import WORK, Means, failed, resume

log = logging.getLogger(__name__)

CANCEL_PATIENCE = 600.0
"""Seconds for which a build is tried to be canceled whose task is no longer held; later it is upkeep's."""

WHILE_BUSY = 0.2
"""Seconds between two rounds while something is done aside."""

_LONGEST_PAUSE = 12
"""Intervals between two looks at a hub that does not answer."""

_BUILDS = frozenset({Kind.BUILD_MACROS, Kind.BUILD_COMPONENT})


class Follower:
    """Does tasks of module builds, from begin to end; one thread calls it."""

    def __init__(
        self,
        connect: Callable[[], HubSession],
        registry: Registry,
        settings: Settings,
        run: Run,
        *,
        holder: str,
        aside: Executor | None = None,
    ) -> None:
        """Take a function that makes the session (best one that tries everything once), and what tasks work with.

        `holder` says in the registry who submits. Long work is done by `aside`, in a few threads of it; without one it
        is done at once, and rounds are long.
        """
        self._keeper = Keeper(connect, registry, settings, run, aside)
        self._builds = Builds(self._keeper, f"{holder} {uuid4()}")
        self._gates = Gates(self._keeper)
        self._watch = Watch()
        self._look_at = 0.0
        self._pause = settings.koji_poll_interval
        self._cancels: list[_Cancel] = []

    @property
    def held(self) -> Collection[Task]:
        """The tasks that were taken and have not ended."""
        return [held.task for held in self._keeper.held.values()]

    @property
    def canceling(self) -> Collection[str]:
        """The ids of dropped tasks whose builds are still to be canceled."""
        return {one.task.id for one in self._cancels}

    @property
    def due(self) -> float:
        """Seconds until the next round is worthwhile."""
        if self._keeper.has_news:
            return 0.0
        helds = [*self._keeper.held.values(), *self._cancels]
        moments = [held.not_before for held in helds if held.is_idle]
        if any(held.waits for held in helds):
            moments.append(self._look_at)
        rest = max(0.0, min(moments) - time.monotonic()) if moments else self._keeper.settings.koji_poll_interval
        return min(rest, WHILE_BUSY) if self._keeper.is_busy else rest

    def take(self, tasks: Iterable[Task]) -> None:
        """Do these, too: new ones, or (after a crash) ones that somebody held, who does not any more."""
        for task in tasks:
            self._keeper.held.setdefault(task.id, _held(task))

    def drop(self, ids: Iterable[str], *, cancel: str | None) -> None:
        """Do these no more. `cancel` says why their builds are to be canceled in Koji; without, somebody else has them.

        The cancellation is recorded as Koji tells it. It concerns all arches of a build.
        """
        for task_id in ids:
            held = self._keeper.held.pop(task_id, None)
            if held is None:
                continue
            held.is_dropped = True
            if isinstance(held, HeldBuild):
                self._builds.left(held)
                if cancel is not None:
                    until = time.monotonic() + CANCEL_PATIENCE
                    self._cancels.append(_Cancel(task=held.task, build=held, reason=cancel, until=until))

    def step(self, *, may_act: Callable[[], bool] = lambda: True) -> list[tuple[Task, End]]:
        """Make a round; give what has ended, which is no longer held.

        `may_act` says whether the tasks are still surely ours; where it says no, nothing is done. It is asked before
        anything is written, also by what runs aside, and also after this returned.
        """
        self._keeper.may_act = may_act
        if may_act():
            self._keeper.collect()
            self._begin()
            self._look()
            self._keeper.collect()
        ended, self._keeper.ended = self._keeper.ended, []
        return ended

    def _begin(self) -> None:
        now, groups = time.monotonic(), defaultdict[int, list[HeldBuild]](list)
        for held in [held for held in self._keeper.held.values() if held.is_idle and held.not_before <= now]:
            if time.time() > held.deadline:
                self._keeper.end(held, failed(held.task, TOO_LONG))
            elif isinstance(held, HeldBuild):
                groups[held.build.build_id].append(held)
            elif isinstance(held, HeldGate):
                self._keeper.together([held], partial(self._gates.begin, held))
            else:
                self._keeper.together([held], partial(self._work, held))
        for group in groups.values():
            self._builds.begin(group)
        if self._builds.is_attached:
            self._builds.is_attached, self._look_at = False, 0.0
        for one in [one for one in self._cancels if one.is_idle and one.not_before <= now]:
            self._keeper.together([one], partial(self._cancel, one))

    def _work(self, held: Held) -> None:
        """Do what is neither a build nor a gate."""
        task, kind = held.task, held.task.node.kind

        def work(means: Means) -> End:
            if kind is not Kind.RECORD_FAILURE:
                resume(means, task)
            return WORK[kind](means, task)

        self._keeper.aside(held, work, partial(self._keeper.end, held))

    def _look(self) -> None:
        if time.monotonic() < self._look_at:
            return
        keys: set[Key] = {*self._builds.keys(), *self._gates.keys}
        if not keys:
            return
        interval = self._keeper.settings.koji_poll_interval
        try:
            changed = self._watch.changes(self._keeper.hub, keys)
        except Exception as error:  # no one look may end the waiting of everyone
            if not isinstance(error, MbsError):
                log.exception("A look at Koji failed.")
            self._pause = min(self._pause * 2, interval * _LONGEST_PAUSE)
            for held in [*self._builds.waiting, *self._gates.waiting]:
                self._keeper.blame(held, HubUnavailable(str(error)))
        else:
            self._pause = interval
            for held in [*self._builds.waiting, *self._gates.waiting]:
                if held.is_hub_away:
                    self._keeper.answered(held)
            self._builds.see(self._watch.seen, changed.keys())
            self._gates.see(self._watch.seen, changed.keys())
        self._look_at = time.monotonic() + self._pause

    def _cancel(self, one: _Cancel) -> None:
        self._keeper.aside(one, one.work, partial(self._canceled, one), self._not_canceled)

    def _canceled(self, one: _Cancel, end: Finished | None) -> None:
        self._cancels.remove(one)
        if end is not None:
            self._keeper.tell(one, f"Koji task {end.task_id} is {end.state.label}.")

    def _not_canceled(self, held: Held, error: Exception) -> None:
        """Try again what does not answer, for a while."""
        one = next(one for one in self._cancels if one is held)
        if isinstance(error, Infrastructure | Lapsed) and time.monotonic() < one.until:
            one.not_before = time.monotonic() + self._keeper.settings.koji_poll_interval
            return
        self._cancels.remove(one)
        self._keeper.tell(one, f"Its build in Koji could not be canceled: {error}", "error")


@dataclass(eq=False, slots=True, kw_only=True)
class _Cancel(Held):
    """A build that is to be canceled; its task is no longer held."""

    build: HeldBuild
    reason: str
    until: float
    """By the monotonic clock."""

    def work(self, means: Means) -> Finished | None:
        """Cancel what the task followed, or (where it was not come to that) what an earlier try of it did."""
        build, task_id = self.build.build, self.build.follows
        if task_id is None:
            rows = (row for row in means.registry.components.of(build.build_id) if row.name == build.component)
            task_id = next((row.task_id for row in rows if row.is_built_for(build.arch)), None)
        return None if task_id is None else cancel(means.hub, means.registry, build, task_id, self.reason)


def _held(task: Task) -> Held:
    kind = HeldBuild if task.node.kind in _BUILDS else HeldGate if task.node.kind is Kind.REPO else Held
    held = kind(task)
    held.deadline = task.deadline
    return held
