"""A small client of Airflow's Execution API: what a task says of itself there, over kept connections."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from mbs.model.errors import Infrastructure, MbsError
from operators.executors.messages import Entry, Facts

TIMEOUT = 60.0
"""Seconds that a request may take; the first one to an API server takes long."""

_GONE = frozenset({404, 409})
_REFUSED = _GONE | {400, 413, 422}


class ApiUnavailable(Infrastructure):
    """The API server does not answer, or with an error of its own."""


class ApiRefused(MbsError):
    """The task is not what the request takes it for (it is gone, ended, or another's), or cannot be answered."""


class ExecutionApi:
    """Speaks for tasks, each with its own token. Threads may share it."""

    def __init__(self, server: str, version: str, *, host: str, user: str, pid: int) -> None:
        """Take the URL of the API, the version that is spoken, and who runs the tasks."""
        self._url = urlsplit(server)
        self._version = version
        self._who = {"hostname": host, "unixname": user, "pid": pid}
        self._thread = threading.local()

    def claim(self, entry: Entry) -> Facts:
        """Have a queued task run, without what an earlier try has left. Raises ApiRefused, ApiUnavailable."""
        started = datetime.now(UTC)
        body = {"state": "running", **self._who, "start_date": started.isoformat()}
        context = self._call(entry, "PATCH", f"task-instances/{entry.id}/run", body)
        for key in context.get("xcom_keys_to_clear") or ():
            self._call(entry, "DELETE", _xcom(entry, entry.task_id, key))
        run_started = context["dag_run"].get("start_date")
        return Facts(
            max_tries=context["max_tries"],
            may_retry=bool(context.get("should_retry")),
            started=started.timestamp(),
            run_started=datetime.fromisoformat(run_started).timestamp() if run_started else None,
        )

    def end(self, entry: Entry, state: str, assets: Iterable[tuple[str, str]] = (), extra: object = None) -> None:
        """End a running task; one that succeeds may change assets. Raises ApiRefused, ApiUnavailable."""
        body: dict[str, Any] = {"state": state, "end_date": datetime.now(UTC).isoformat()}
        if state == "success":
            changed = [{"name": name, "uri": uri} for name, uri in assets]
            body["task_outlets"] = [{**asset, "type": "Asset"} for asset in changed]
            body["outlet_events"] = [{"dest_asset_key": asset, "extra": extra} for asset in changed]
        self._call(entry, "PATCH", f"task-instances/{entry.id}/state", body)

    def leave(self, entry: Entry, left: Mapping[str, Any]) -> None:
        """Leave values for other tasks, by key (XComs). Raises ApiRefused, ApiUnavailable."""
        for key, value in left.items():
            self._call(entry, "POST", _xcom(entry, entry.task_id, key), value)

    def left(self, entry: Entry, task_ids: Sequence[str], key: str) -> list[Any]:
        """Give what tasks of the run have left under a key; None for each that left nothing. Raises ApiUnavailable."""
        return [self._left(entry, task_id, key) for task_id in task_ids]

    def states(self, entry: Entry) -> Mapping[str, str | None]:
        """Give the states of the tasks of the run. Raises ApiRefused, ApiUnavailable."""
        asked = urlencode({"dag_id": entry.dag_id, "run_ids": entry.run_id})
        states: Mapping[str, Mapping[str, str | None]] = self._call(entry, "GET", f"task-instances/states?{asked}")[
            "task_states"
        ]
        return states.get(entry.run_id, {})

    def _left(self, entry: Entry, task_id: str, key: str) -> Any:  # noqa: ANN401 # any JSON
        try:
            return self._call(entry, "GET", _xcom(entry, task_id, key))["value"]
        except ApiRefused:
            return None

    def _call(self, entry: Entry, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 # any JSON
        """Make a request; what a kept connection loses is asked again over a new one."""
        kept = getattr(self._thread, "connection", None) is not None
        try:
            return self._ask(entry, method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            if not kept:
                msg = f"Airflow's API server does not answer: {type(error).__name__}: {error}"
                raise ApiUnavailable(msg) from error
        return self._call(entry, method, path, body)

    def _ask(self, entry: Entry, method: str, path: str, body: object) -> Any:  # noqa: ANN401 # any JSON
        data = None if method in {"GET", "DELETE"} else json.dumps(body)
        headers = {
            "Authorization": f"Bearer {entry.token}",
            "Airflow-API-Version": self._version,
            "Content-Type": "application/json",
        }
        connection = self._connection()
        connection.request(method, self._url.path + path, data, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status in _GONE and method == "DELETE":
            return None
        if answer.status in _REFUSED:
            msg = f"{method} {path.partition('?')[0]}: {answer.status} {text[:300]}"
            raise ApiRefused(msg)
        if answer.status >= http.client.BAD_REQUEST:
            msg = f"Airflow's API server answers {answer.status} to {method} {path.partition('?')[0]}: {text[:300]}"
            raise ApiUnavailable(msg)
        return json.loads(text) if text else None

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._thread, "connection", None)
        if found is None:
            host, port = self._url.hostname or "", self._url.port
            if self._url.scheme == "https":
                found = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
            else:
                found = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            self._thread.connection = found
        return found

    def _close(self) -> None:
        connection: http.client.HTTPConnection | None = getattr(self._thread, "connection", None)
        if connection is not None:
            connection.close()
        self._thread.connection = None


def _xcom(entry: Entry, task_id: str, key: str) -> str:
    return "/".join(("xcoms", *(quote(part, safe="") for part in (entry.dag_id, entry.run_id, task_id, key))))
