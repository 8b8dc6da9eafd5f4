"""What waits for Koji in the triggerer: a build for one arch, tasks, a repository, the hub itself.

Success and skip end the task here, without a worker. Anything else wakes the operator with an event: `kind` is

- `ended`: something came to an end that a worker has to deal with;
- `gave_up`: the wait is over by time (the hub away for too long, the build too slow); `reason` is for people.

Arguments are small and static: Airflow stores them, and may start a trigger anywhere and more than once.
"""

from __future__ import annotations

import asyncio
import json
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from airflow.utils.state import TaskInstanceState
from asgiref.sync import sync_to_async

from mbs.koji.builds import BuildInfo, builds_of_tasks
from mbs.koji.poller import HubPoller, Unavailable
from mbs.koji.repos import RepoDied, RepoReady, judge
from mbs.koji.session import Hub, HubAccount
from mbs.koji.snapshot import HubKey, Key, RequestKey, RequestSnapshot, Snapshot, TaskKey, TaskSnapshot, see
from mbs.koji.tasks import Failed, Outcome, Skipped, Succeeded, TaskInfo, Waiting, follow_through
from mbs.model.errors import HubRefused, MbsError
from mbs.registry.rows import Finished
from mbs.steps.ending import cancel_build, ending, endings, record
from operators import links
from operators.hooks import account_behind, registry, settings
from operators.triggers.poller import ask, host_name, poller_for, watching

REPO_ID = "koji_repo_id"
"""XCom of a gate: the repository that contains its builds. Whoever reads it uses `pushed`."""

ENDED = "ended"
GAVE_UP = "gave_up"

CANCELED = "Canceled: a person marked or cleared its task in Airflow while it was being built."
Arguments: TypeAlias = dict[str, Any]
T = TypeVar("T")


def pushed(value: object) -> Any:  # noqa: ANN401 # any JSON
    """Give what an XCom was when it was pushed: Airflow encodes what a trigger pushes once more, into a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_ends: set[asyncio.Task[None]] = set()
"""What goes on after `on_kill`; asyncio itself keeps no task alive."""


class GaveUp(Exception):
    """The wait is over by time."""


class KojiTrigger(BaseTrigger):
    """Waits for something of a hub until `deadline` (seconds since the epoch)."""

    def __init__(self, *, koji_conn_id: str, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # BaseTrigger has no annotations
        self.koji_conn_id = koji_conn_id
        self.deadline = deadline

    def serialize(self) -> tuple[str, Arguments]:
        """Give the class and the arguments to make it anew."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", self.arguments()

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {"koji_conn_id": self.koji_conn_id, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then give the one event."""
        try:
            # Interrupted in there, a trigger would not be told why, and its on_kill would not be called.
            account = await asyncio.shield(asyncio.create_task(account_behind(self.koji_conn_id)))
            event = await self.wait(account, poller_for(account))
        except GaveUp as reason:
            event = TriggerEvent({"kind": GAVE_UP, "reason": str(reason)})
        yield event

    @abstractmethod
    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:
        """Wait for what the trigger is about. Raises GaveUp."""

    async def until(self, poller: HubPoller, key: Key, decide: Callable[[Snapshot], Awaitable[T | None]]) -> T:
        """Look at what a key shows until `decide` gives something. Raises GaveUp."""
        away = False
        async with watching(poller, key) as update:
            while True:
                try:
                    seen = await asyncio.wait_for(update.get(), max(0.0, self.deadline - time.time()))
                except TimeoutError:
                    msg = "It took longer than it may."
                    raise GaveUp(msg) from None
                if isinstance(seen, Unavailable):
                    away = self._is_away(seen, told=away)
                    continue
                if away:
                    self.log.info("The Koji hub is back.")
                    away = False
                decided = await decide(seen)
                if decided is not None:
                    return decided

    def _is_away(self, seen: Unavailable, *, told: bool) -> bool:
        if seen.seconds > settings().koji_away_timeout:
            msg = f"The Koji hub was away for {seen.seconds / 3600:.1f} hours: {seen.reason}"
            raise GaveUp(msg)
        if not told:
            self.log.warning("The Koji hub is away, waiting for it: %s", seen.reason)
        return True


class BuildTrigger(KojiTrigger):
    """Follows a build task for one arch; a person who ends the waiting cancels the build."""

    def __init__(  # noqa: PLR0913 # stored by name
        self,
        *,
        koji_conn_id: str,
        registry_conn_id: str,
        build_id: int,
        component: str,
        koji_task_id: int,
        arch: str,
        deadline: float,
        whole: bool = False,
    ) -> None:
        super().__init__(koji_conn_id=koji_conn_id, deadline=deadline)
        self.registry_conn_id = registry_conn_id
        self.build_id = build_id
        self.component = component
        self.koji_task_id = koji_task_id
        self.arch = arch
        self.whole = whole
        self._told = ""

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {
            **super().arguments(),
            "registry_conn_id": self.registry_conn_id,
            "build_id": self.build_id,
            "component": self.component,
            "koji_task_id": self.koji_task_id,
            "arch": self.arch,
            "whole": self.whole,
        }

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:
        """Wait until the arch is done."""

        async def decide(snapshot: Snapshot) -> TriggerEvent | None:
            if not isinstance(snapshot, TaskSnapshot):
                return TriggerEvent({"kind": ENDED})
            outcome = follow_through(snapshot.task, snapshot.children, self.arch, whole=self.whole)
            await self._tell(poller, snapshot.task, outcome)
            return None if isinstance(outcome, Waiting) else await self._end(account, poller, snapshot.task, outcome)

        return await self.until(poller, TaskKey(self.koji_task_id), decide)

    async def on_kill(self) -> None:
        """Cancel the build, for all its arches, and record what Koji says; not when Airflow only moved the waiting.

        Airflow interrupts this every second until it has ended (3.3.2); what it began goes on by itself.
        """
        work = asyncio.create_task(self._end_build())
        _ends.add(work)
        work.add_done_callback(_ends.discard)
        await asyncio.shield(work)

    async def _end_build(self) -> None:
        if await self._is_moved():
            self.log.info("Another triggerer waits for Koji task %s now; nothing is canceled.", self.koji_task_id)
            return
        account = await account_behind(self.koji_conn_id)
        try:
            end = await ask(poller_for(account), self._cancel)
        except (MbsError, TimeoutError) as error:
            self.log.error("Koji task %s could not be canceled: %s", self.koji_task_id, error)
            return
        if end is not None:
            await self._record(end)
            self.log.info("Koji task %s is %s.", self.koji_task_id, end.state.label)

    async def _is_moved(self) -> bool:
        """Tell whether the task still waits: Airflow calls `on_kill` also in a triggerer that was cut off for a while.

        Against its documentation (3.3.2). A task that a person cleared may wait again by now, for the same build.
        """
        ti = self.task_instance
        if ti is None:
            return False
        ask_states = sync_to_async(RuntimeTaskInstance.get_task_states, thread_sensitive=False)
        states = await ask_states(ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])
        return bool(states.get(ti.run_id, {}).get(ti.task_id) == TaskInstanceState.DEFERRED)

    def _cancel(self, hub: Hub) -> Finished | None:
        """Cancel the build unless the arch is done, as after an end that another triggerer has seen."""
        snapshot = see(hub, self.koji_task_id)
        if isinstance(follow_through(snapshot.task, snapshot.children, self.arch, whole=self.whole), Waiting):
            return cancel_build(hub, self.koji_task_id, CANCELED)
        return endings(hub, [snapshot.task], CANCELED).get(self.koji_task_id)

    async def _record(self, end: Finished) -> None:
        await sync_to_async(self._record_now, thread_sensitive=False)(end)

    def _record_now(self, end: Finished) -> None:
        with registry(self.registry_conn_id).component(self.build_id, self.component) as component:
            record(component, end)

    async def _end(
        self, account: HubAccount, poller: HubPoller, build: TaskInfo, outcome: Succeeded | Skipped | Failed
    ) -> TriggerEvent:
        """End the task where its arch is done and what is to be recorded is; a worker deals with all else."""
        if isinstance(outcome, Failed):
            return TriggerEvent({"kind": ENDED})
        try:
            built = await self._recorded(poller, build)
        except (MbsError, TimeoutError) as error:
            self.log.warning("The end of Koji task %s could not be recorded: %s", self.koji_task_id, error)
            return TriggerEvent({"kind": ENDED})
        if isinstance(outcome, Skipped):
            return TaskSkippedEvent()
        link = {links.BUILD_URL: links.build_url(account.web_url, built.id)} if built else {}
        return TaskSuccessEvent(xcoms={links.LOGS_URL: links.logs_url(account.files_url, outcome.task.id), **link})

    async def _recorded(self, poller: HubPoller, task: TaskInfo) -> BuildInfo | None:
        """Give the build, its end recorded if it has one."""
        built = (await ask(poller, lambda hub: builds_of_tasks(hub, [task.id]))).get(task.id)
        end = ending(task, built)
        if end is not None:
            await self._record(end)
        return built

    async def _tell(self, poller: HubPoller, build: TaskInfo, outcome: Outcome) -> None:
        """Log what is new: what Koji does now for this arch, and where."""
        if isinstance(outcome, Skipped):
            text = f"{self.component} is not built for {outcome.arch}."
        else:
            text = f"Koji: build {build.id} {build.state.name}; {await _describe(poller, outcome.task)}"
        if text != self._told:
            self._told = text
            self.log.info("%s", text)


class TasksTrigger(KojiTrigger):
    """Waits until all of some Koji tasks have ended, however."""

    def __init__(self, *, koji_conn_id: str, koji_task_ids: list[int], deadline: float) -> None:
        super().__init__(koji_conn_id=koji_conn_id, deadline=deadline)
        self.koji_task_ids = koji_task_ids

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {**super().arguments(), "koji_task_ids": self.koji_task_ids}

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:  # noqa: ARG002 # others need it
        """Wait for one after the other: the others go on meanwhile."""

        async def decide(snapshot: Snapshot) -> bool | None:
            return None if isinstance(snapshot, TaskSnapshot) and not snapshot.task.ended else True

        for task_id in self.koji_task_ids:
            await self.until(poller, TaskKey(task_id), decide)
        return TriggerEvent({"kind": ENDED})


class RepoTrigger(KojiTrigger):
    """Waits for a requested repository that contains everything tagged up to an event of the hub."""

    def __init__(self, *, koji_conn_id: str, request_id: int, event: int, deadline: float) -> None:
        super().__init__(koji_conn_id=koji_conn_id, deadline=deadline)
        self.request_id = request_id
        self.event = event
        self._told = ""

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {**super().arguments(), "request_id": self.request_id, "event": self.event}

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:  # noqa: ARG002 # others need it
        """Wait until the request is satisfied, or dead."""

        async def decide(snapshot: Snapshot) -> TriggerEvent | None:
            if not isinstance(snapshot, RequestSnapshot):
                return TriggerEvent({"kind": ENDED, "reason": str(snapshot)})
            self._tell(snapshot)
            match judge(snapshot.request, self.event):
                case RepoReady(repo):
                    self.log.info("Repository %s is ready.", repo.id)
                    return TaskSuccessEvent(xcoms={REPO_ID: repo.id})
                case RepoDied(reason):
                    return TriggerEvent({"kind": ENDED, "reason": reason})
                case _:
                    return None

        return await self.until(poller, RequestKey(self.request_id), decide)

    def _tell(self, snapshot: RequestSnapshot) -> None:
        request = snapshot.request
        state = (
            f"newRepo task {request.task_id} {request.task_state.name}" if request.task_state is not None else "queued"
        )
        text = f"Koji: repository request {request.id}: {state}, try {request.tries}"
        if text != self._told:
            self._told = text
            self.log.info("%s", text)


class HubTrigger(KojiTrigger):
    """Waits until the hub answers."""

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:  # noqa: ARG002 # others need it
        """Wait for any answer."""

        async def decide(snapshot: Snapshot) -> bool | None:
            return None if isinstance(snapshot, HubRefused) else True

        await self.until(poller, HubKey(), decide)
        return TriggerEvent({"kind": ENDED})


async def _describe(poller: HubPoller, task: TaskInfo) -> str:
    host = f" on {await host_name(poller, task.host_id)}" if task.host_id is not None else ""
    label = f" {task.label}" if task.label else ""
    return f"{task.method}{label} task {task.id} {task.state.name}{host}"
