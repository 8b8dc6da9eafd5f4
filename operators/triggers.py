"""What waits for Koji in the triggerer: a build for one arch, tasks, a repository, the hub itself.

Success and skip end the task here, without a worker. Anything else wakes the operator with an event: `kind` is

- `ended`: something came to an end that a worker has to deal with;
- `gave_up`: the wait is over by time (the hub away for too long, the build too slow); `reason` is for people.

Arguments are small and static: Airflow stores them, and may start a trigger anywhere and more than once.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from airflow.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from asgiref.sync import sync_to_async

from mbs.errors import HubRefused, MbsError
from mbs.koji.poller import Away, HubPoller
from mbs.koji.repos import RepoDied, RepoReady, judge
from mbs.koji.session import HubAccount
from mbs.koji.sight import HubKey, Key, RequestKey, RequestSight, Sight, TaskKey, TaskSight
from mbs.koji.tasks import Outcome, Skipped, Succeeded, TaskInfo, Waiting, follow
from mbs.registry.states import ComponentState
from operators import links
from operators.hook import account_behind
from operators.pollers import ask, host_name, poller_for, watching
from operators.registry import registry
from operators.settings import settings

REPO_ID = "koji_repo_id"
"""XCom of a gate: the repository that contains its builds."""

ENDED = "ended"
GAVE_UP = "gave_up"

CANCELED = "Canceled: a person marked or cleared its task in Airflow while it was being built."
Arguments: TypeAlias = dict[str, Any]
T = TypeVar("T")


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
            account = await account_behind(self.koji_conn_id)
            event = await self.wait(account, poller_for(account))
        except GaveUp as reason:
            event = TriggerEvent({"kind": GAVE_UP, "reason": str(reason)})
        yield event

    @abstractmethod
    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:
        """Wait for what the trigger is about. Raises GaveUp."""

    async def until(self, poller: HubPoller, key: Key, decide: Callable[[Sight], Awaitable[T | None]]) -> T:
        """Look at what a key shows until `decide` gives something. Raises GaveUp."""
        away = False
        async with watching(poller, key) as news:
            while True:
                try:
                    seen = await asyncio.wait_for(news.get(), max(0.0, self.deadline - time.time()))
                except TimeoutError:
                    msg = "It took longer than it may."
                    raise GaveUp(msg) from None
                if isinstance(seen, Away):
                    away = self._is_away(seen, told=away)
                    continue
                if away:
                    self.log.info("The Koji hub is back.")
                    away = False
                decided = await decide(seen)
                if decided is not None:
                    return decided

    def _is_away(self, seen: Away, *, told: bool) -> bool:
        if seen.seconds > settings().koji_away_timeout:
            msg = f"The Koji hub was away for {seen.seconds / 3600:.1f} hours: {seen.reason}"
            raise GaveUp(msg)
        if not told:
            self.log.warning("The Koji hub is away, waiting for it: %s", seen.reason)
        return True


class BuildTrigger(KojiTrigger):
    """Follows a build task for one arch; a person who ends the waiting cancels the build."""

    def __init__(
        self,
        *,
        koji_conn_id: str,
        registry_conn_id: str,
        build_id: int,
        component: str,
        koji_task_id: int,
        arch: str,
        deadline: float,
    ) -> None:
        super().__init__(koji_conn_id=koji_conn_id, deadline=deadline)
        self.registry_conn_id = registry_conn_id
        self.build_id = build_id
        self.component = component
        self.koji_task_id = koji_task_id
        self.arch = arch
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
        }

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:
        """Wait until the arch is done."""

        async def decide(sight: Sight) -> TriggerEvent | None:
            if not isinstance(sight, TaskSight):
                return TriggerEvent({"kind": ENDED})
            outcome = follow(sight.task, sight.children, self.arch)
            await self._tell(poller, sight.task, outcome)
            return None if isinstance(outcome, Waiting) else await self._end(account, poller, outcome)

        return await self.until(poller, TaskKey(self.koji_task_id), decide)

    async def on_kill(self) -> None:
        """Cancel the build, for all its arches, and record it."""
        account = await account_behind(self.koji_conn_id)
        try:
            await ask(poller_for(account), lambda hub: hub.call("cancelTask", self.koji_task_id))
            self.log.info("Canceled Koji task %s.", self.koji_task_id)
        except (MbsError, TimeoutError) as error:
            self.log.error("Koji task %s could not be canceled: %s", self.koji_task_id, error)
        await sync_to_async(self._record_cancellation, thread_sensitive=False)()

    def _record_cancellation(self) -> None:
        with registry(self.registry_conn_id).component(self.build_id, self.component) as component:
            row = component.row
            if row.task_id == self.koji_task_id and row.state is ComponentState.BUILDING:
                component.finished(ComponentState.CANCELED, reason=CANCELED)

    async def _end(self, account: HubAccount, poller: HubPoller, outcome: Outcome) -> TriggerEvent:
        match outcome:
            case Succeeded(task):
                build = await self._build_link(account, poller)
                return TaskSuccessEvent(xcoms={links.LOGS_URL: links.logs_url(account.files_url, task.id), **build})
            case Skipped():
                return TaskSkippedEvent()
            case _:
                return TriggerEvent({"kind": ENDED})

    async def _build_link(self, account: HubAccount, poller: HubPoller) -> dict[str, str]:
        """Give the link to the build, if it can be had at once: nothing waits for it."""
        try:
            builds = await ask(poller, lambda hub: hub.call("listBuilds", taskID=self.koji_task_id))
        except (MbsError, TimeoutError):
            return {}
        return {links.BUILD_URL: links.build_url(account.web_url, builds[0]["build_id"])} if builds else {}

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

        async def decide(sight: Sight) -> bool | None:
            return None if isinstance(sight, TaskSight) and not sight.task.ended else True

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

        async def decide(sight: Sight) -> TriggerEvent | None:
            if not isinstance(sight, RequestSight):
                return TriggerEvent({"kind": ENDED, "reason": str(sight)})
            self._tell(sight)
            match judge(sight.request, self.event):
                case RepoReady(repo):
                    self.log.info("Repository %s is ready.", repo.id)
                    return TaskSuccessEvent(xcoms={REPO_ID: repo.id})
                case RepoDied(reason):
                    return TriggerEvent({"kind": ENDED, "reason": reason})
                case _:
                    return None

        return await self.until(poller, RequestKey(self.request_id), decide)

    def _tell(self, sight: RequestSight) -> None:
        request = sight.request
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

        async def decide(sight: Sight) -> bool | None:
            return None if isinstance(sight, HubRefused) else True

        await self.until(poller, HubKey(), decide)
        return TriggerEvent({"kind": ENDED})


async def _describe(poller: HubPoller, task: TaskInfo) -> str:
    host = f" on {await host_name(poller, task.host_id)}" if task.host_id is not None else ""
    label = f" {task.label}" if task.label else ""
    return f"{task.method}{label} task {task.id} {task.state.name}{host}"
