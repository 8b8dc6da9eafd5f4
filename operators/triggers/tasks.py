"""The wait for Koji tasks, whatever they do."""

from __future__ import annotations

from airflow.triggers.base import TriggerEvent

from mbs.koji.poller import HubPoller
from mbs.koji.session import HubAccount
from mbs.koji.snapshot import Snapshot, TaskKey, TaskSnapshot
from operators.triggers.base import ENDED, Arguments, KojiTrigger


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
