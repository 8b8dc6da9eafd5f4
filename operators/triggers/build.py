"""The wait for a build on one arch."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from airflow.utils.state import TaskInstanceState
from asgiref.sync import sync_to_async

from mbs.koji.poller import HubPoller
from mbs.koji.session import HubAccount
from mbs.koji.snapshot import Snapshot, TaskKey, TaskSnapshot
from mbs.koji.tasks import Failed, Outcome, Skipped, Succeeded, TaskInfo, Waiting
from mbs.model.errors import MbsError
from mbs.steps.component import ArchBuild, End, build_of, cancel, record_end
from operators import links
from operators.hooks import account_behind, registry
from operators.triggers.base import ENDED, Arguments, KojiTrigger, ask, host_name, poller_for

CANCELED = "Canceled: a person marked or cleared its task in Airflow while it was being built."

_ends: set[asyncio.Task[None]] = set()
"""What goes on after `on_kill`; asyncio itself keeps no task alive."""


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
        self.koji_task_id = koji_task_id
        self.build = ArchBuild(build_id, component, arch, whole)

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {
            **super().arguments(),
            "registry_conn_id": self.registry_conn_id,
            "koji_task_id": self.koji_task_id,
            **asdict(self.build),
        }

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:
        """Wait until the arch is done."""

        async def decide(snapshot: Snapshot) -> TriggerEvent | None:
            if not isinstance(snapshot, TaskSnapshot):
                return TriggerEvent({"kind": ENDED})
            outcome = self.build.outcome(snapshot)
            self.log_if_new(await self._progress(poller, snapshot.task, outcome))
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
            end = await ask(poller_for(account), lambda hub: cancel(hub, self.build, self.koji_task_id, CANCELED))
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

    async def _record(self, end: End) -> None:
        await sync_to_async(self._record_now, thread_sensitive=False)(end)

    def _record_now(self, end: End) -> None:
        record_end(registry(self.registry_conn_id), self.build, end)

    async def _end(
        self, account: HubAccount, poller: HubPoller, build: TaskInfo, outcome: Succeeded | Skipped | Failed
    ) -> TriggerEvent:
        """End the task where its arch is done and what is to be recorded is; a worker deals with all else."""
        if isinstance(outcome, Failed):
            return TriggerEvent({"kind": ENDED})
        try:
            build_id, end = await ask(poller, lambda hub: build_of(hub, build))
            await self._record(end)
        except (MbsError, TimeoutError) as error:
            self.log.warning("The end of Koji task %s could not be recorded: %s", self.koji_task_id, error)
            return TriggerEvent({"kind": ENDED})
        if isinstance(outcome, Skipped):
            return TaskSkippedEvent()
        link = {links.BUILD_URL: links.build_url(account.web_url, build_id)} if build_id else {}
        return TaskSuccessEvent(xcoms={links.LOGS_URL: links.logs_url(account.files_url, outcome.task.id), **link})

    async def _progress(self, poller: HubPoller, build: TaskInfo, outcome: Outcome) -> str:
        """Say what Koji does now for this arch, and where."""
        if isinstance(outcome, Skipped):
            return f"{self.build.component} is not built for {outcome.arch}."
        return f"Koji: build {build.id} {build.state.name}; {await _describe(poller, outcome.task)}"


async def _describe(poller: HubPoller, task: TaskInfo) -> str:
    host = f" on {await host_name(poller, task.host_id)}" if task.host_id is not None else ""
    label = f" {task.label}" if task.label else ""
    return f"{task.method}{label} task {task.id} {task.state.name}{host}"
