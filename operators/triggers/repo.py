"""The wait for a repository."""

from __future__ import annotations

import json
from typing import Any

from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from mbs.koji.poller import HubPoller
from mbs.koji.repos import RepoDied, RepoReady, RequestInfo, judge
from mbs.koji.session import HubAccount
from mbs.koji.snapshot import RequestKey, RequestSnapshot, Snapshot
from operators.triggers.base import ENDED, Arguments, KojiTrigger

REPO_ID = "koji_repo_id"
"""XCom of a gate: the repository that contains its builds. Whoever reads it uses `pushed`."""


def pushed(value: object) -> Any:  # noqa: ANN401 # any JSON
    """Give what an XCom was when it was pushed: Airflow encodes what a trigger pushes once more, into a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class RepoTrigger(KojiTrigger):
    """Waits for a requested repository that contains everything tagged up to an event of the hub."""

    def __init__(self, *, koji_conn_id: str, request_id: int, event: int, deadline: float) -> None:
        super().__init__(koji_conn_id=koji_conn_id, deadline=deadline)
        self.request_id = request_id
        self.event = event

    def arguments(self) -> Arguments:
        """Give the constructor's arguments."""
        return {**super().arguments(), "request_id": self.request_id, "event": self.event}

    async def wait(self, account: HubAccount, poller: HubPoller) -> TriggerEvent:  # noqa: ARG002 # others need it
        """Wait until the request is satisfied, or dead."""

        async def decide(snapshot: Snapshot) -> TriggerEvent | None:
            if not isinstance(snapshot, RequestSnapshot):
                return TriggerEvent({"kind": ENDED, "reason": str(snapshot)})
            self.log_if_new(_progress(snapshot.request))
            match judge(snapshot.request, self.event):
                case RepoReady(repo):
                    self.log.info("Repository %s is ready.", repo.id)
                    return TaskSuccessEvent(xcoms={REPO_ID: repo.id})
                case RepoDied(reason):
                    return TriggerEvent({"kind": ENDED, "reason": reason})
                case _:
                    return None

        return await self.until(poller, RequestKey(self.request_id), decide)


def _progress(request: RequestInfo) -> str:
    """Say what Koji does now for a request."""
    state = f"newRepo task {request.task_id} {request.task_state.name}" if request.task_state is not None else "queued"
    return f"Koji: repository request {request.id}: {state}, try {request.tries}"
