"""The part of Airflow's REST API that the demo and the tests use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import requests

T = TypeVar("T")

FINISHED = frozenset({"success", "failed"})
"""States in which a run has ended."""


class ApiError(Exception):
    """Airflow did not do what it was asked; the message has its answer."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task instance."""

    task_id: str
    state: str | None
    start: str | None
    end: str | None
    tries: int


class AirflowApi:
    """Airflow behind a URL, as one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._session = requests.Session()

    def call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        """Call the API; log in where needed, and again when the token has expired."""
        answer = self._send(method, path, **options)
        if answer.status_code == requests.codes.unauthorized:
            self._log_in()
            answer = self._send(method, path, **options)
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run of a DAG and give its id."""
        run = self.call("POST", f"dags/{dag_id}/dagRuns", json={"conf": conf, "logical_date": None})
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Give a run."""
        return dict(self.call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}"))

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Give the runs of a DAG; none where Airflow does not know it yet."""
        answer = self._get_if_found(f"dags/{dag_id}/dagRuns")
        return list(answer["dag_runs"]) if answer else []

    def wait(self, dag_id: str, run_id: str, seconds: float = 120) -> dict[str, Any]:
        """Wait until a run has ended and give it."""
        return self.until(lambda: self._ended(dag_id, run_id), f"the end of {dag_id} {run_id}", seconds)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Task]:
        """Give all task instances of a run by task id."""
        found: list[dict[str, Any]] = []
        total = 1
        while len(found) < total:
            page = {"limit": 500, "offset": len(found)}
            answer = self.call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances", params=page)
            found += answer["task_instances"]
            total = answer["total_entries"]
        return {
            it["task_id"]: Task(it["task_id"], it["state"], it["start_date"], it["end_date"], it["try_number"])
            for it in found
        }

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:  # noqa: ANN401 - any JSON
        """Give what a task left behind; None where it did not."""
        task = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"
        answer = self._get_if_found(f"{task}/xcomEntries/{key}?deserialize=true")
        return answer["value"] if answer else None

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Give the log of one try of a task as text."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{attempt}"
        lines = self.call("GET", path, params={"full_content": "true"})["content"]
        return "\n".join(str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in lines)

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Do what "clear failed" of a run does in the UI."""
        body = {"dry_run": False, "only_failed": True, "reset_dag_runs": True, "dag_run_id": run_id}
        self.call("POST", f"dags/{dag_id}/clearTaskInstances", json=body)

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run as failed or successful."""
        self.call("PATCH", f"dags/{dag_id}/dagRuns/{quote(run_id)}", json={"state": state})

    def until(self, find: Callable[[], T | None], what: str, seconds: float = 120, *, interval: float = 0.5) -> T:
        """Ask again every `interval` seconds until `find` gives something; raise ApiError after `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if found := find():
                    return found
            except requests.ConnectionError:
                pass  # the API server is being restarted
            time.sleep(interval)
        raise ApiError(f"Waited {seconds:.0f} s for {what}.")

    def _ended(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        run = self.run(dag_id, run_id)
        return run if run["state"] in FINISHED else None

    def _get_if_found(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        try:
            return self.call("GET", path)
        except ApiError as error:
            if ": 404 " in str(error):
                return None
            raise

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._session.request(method, f"{self.url}/api/v2/{path}", timeout=30, **options)

    def _log_in(self) -> None:
        answer = requests.post(f"{self.url}/auth/token", json=self._credentials, timeout=30)
        if not answer.ok:
            raise ApiError(f"Airflow refuses the login of {self._credentials['username']}: {answer.text[:200]}")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
