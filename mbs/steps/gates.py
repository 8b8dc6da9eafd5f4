"""The gates that are held: each is passed aside, as far as Koji lets it, and waits for what Koji has to do first."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from mbs.koji.repos import RepoDied, RepoReady, RequestInfo, judge
from mbs.koji.snapshot import Key, RequestKey, RequestSnapshot, Snapshot, TaskKey, TaskSnapshot
from mbs.model.errors import HubRefused
from mbs.steps import AwaitImport, AwaitRepo, AwaitRepoTask, Done
from mbs.steps.gate import Gate, pass_gate
from mbs.steps.holding import TOO_LONG, Held, Keeper
from mbs.steps.tasks import IMPORT_PATIENCE, REPO_PATIENCE, REQUESTS, Succeeded
from mbs.steps.work import Means, failed, resume


@dataclass(eq=False, slots=True)
class HeldGate(Held):
    """A gate that is held."""

    gate: Gate = field(init=False)
    request: int = 1
    """Which one it is that is waited for."""
    is_begun: bool = False
    awaited: AwaitImport | AwaitRepo | AwaitRepoTask | None = None
    is_unseen: bool = False
    """Whether what Koji shows of that was not acted upon."""
    until: float = 0.0
    """Seconds since the epoch: how long for that."""

    def __post_init__(self) -> None:
        """Know the builds."""
        node = self.task.node
        self.gate = Gate(self.task.plan, node.gate_for, macros=not node.gate_for)

    @property
    def waits(self) -> bool:
        """Whether Koji has to do something first."""
        return self.awaited is not None

    @property
    def keys(self) -> tuple[Key, ...]:
        """What is waited for."""
        match self.awaited:
            case AwaitImport(task_ids):
                return tuple(map(TaskKey, task_ids))
            case AwaitRepo(request_id):
                return (RequestKey(request_id),)
            case AwaitRepoTask(task_id):
                return (TaskKey(task_id),)
            case None:
                return ()


class Gates:
    """The gates that a follower holds."""

    def __init__(self, keeper: Keeper) -> None:
        """Take what holds them."""
        self._keeper = keeper

    @property
    def waiting(self) -> list[HeldGate]:
        """The gates that wait for Koji."""
        return [held for held in self._keeper.held.values() if isinstance(held, HeldGate) and held.waits]

    @property
    def keys(self) -> set[Key]:
        """What is waited for."""
        return {key for held in self.waiting for key in held.keys}

    def begin(self, held: HeldGate) -> None:
        """Pass a gate, or ask again for its repository."""
        is_begun, held.is_begun = held.is_begun, True

        def work(means: Means) -> Done | AwaitImport | AwaitRepo | AwaitRepoTask:
            if not is_begun:
                resume(means, held.task)
            return pass_gate(means.hub, means.registry, held.gate, means.log_of(held.task))

        self._keeper.aside(held, work, partial(self._came, held))

    def see(self, shown: Mapping[Key, Snapshot], changed: AbstractSet[Key]) -> None:
        """Act upon what Koji shows."""
        for held in self.waiting:
            if held.job is None and (held.is_unseen or not changed.isdisjoint(held.keys)):
                held.is_unseen = True
                self._keeper.together([held], partial(self._act, held, [shown.get(key) for key in held.keys]))
            if held.waits and held.job is None and time.time() > held.until:
                self._keeper.end(held, failed(held.task, TOO_LONG))

    def _came(self, held: HeldGate, came: Done | AwaitImport | AwaitRepo | AwaitRepoTask) -> None:
        if isinstance(came, Done):
            self._pass(held, came.repo_id)
            return
        held.awaited, held.is_unseen = came, True
        held.until = time.time() + _patience(came).total_seconds()

    def _act(self, held: HeldGate, snapshots: Collection[Snapshot | None]) -> None:
        match held.awaited, *snapshots:
            case AwaitRepo(_, event), RequestSnapshot(request):
                self._judge(held, request, event)
            case AwaitRepo(), HubRefused() as refused:
                self._again(held, str(refused))
            case AwaitImport() | AwaitRepoTask(), *_ if all(_has_ended(snapshot) for snapshot in snapshots):
                self._again(held)
        held.is_unseen = False

    def _judge(self, held: HeldGate, request: RequestInfo, event: int) -> None:
        self._keeper.progress(held, _progress(request))
        match judge(request, event):
            case RepoReady(repo):
                self._keeper.tell(held, f"Repository {repo.id} is ready.")
                self._pass(held, repo.id)
            case RepoDied(reason):
                self._again(held, reason)

    def _again(self, held: HeldGate, reason: str | None = None) -> None:
        """Go on behind an import, or ask for another repository."""
        awaited, held.awaited = held.awaited, None
        if isinstance(awaited, AwaitImport):
            return
        self._keeper.tell(held, f"Asking again for a repository: {reason or 'the newRepo task has ended'}.")
        held.request += 1
        if held.request > REQUESTS:
            gave_none = f"Koji made no repository of {held.task.plan.build_tag}."
            self._keeper.end(held, failed(held.task, reason or gave_none))

    def _pass(self, held: HeldGate, repo_id: int | None) -> None:
        """Let the builds behind the gate begin, on its repository if there is one."""
        if repo_id is not None:
            self._keeper.registry.builds.proved(held.task.plan.build_id, repo_id)
        self._keeper.end(held, Succeeded())


def _patience(awaited: AwaitImport | AwaitRepo | AwaitRepoTask) -> timedelta:
    return IMPORT_PATIENCE if isinstance(awaited, AwaitImport) else REPO_PATIENCE


def _has_ended(snapshot: Snapshot | None) -> bool:
    return snapshot is not None and not (isinstance(snapshot, TaskSnapshot) and not snapshot.task.ended)


def _progress(request: RequestInfo) -> str:
    """Say what Koji does now for a request."""
    state = f"newRepo task {request.task_id} {request.task_state.name}" if request.task_state is not None else "queued"
    return f"Koji: repository request {request.id}: {state}, try {request.tries}"
