"""What the demo and the tests do with Airflow beyond submitting: look at tasks and logs, clear, mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mbs.cli.airflow import FINISHED, AirflowClient, ApiError, Login, run_path

__all__ = ["FINISHED", "AirflowApi", "ApiError", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """A task instance."""

    task_id: str
    state: str | None
    start: str | None
    end: str | None
    tries: int


class AirflowApi(AirflowClient):
    """Airflow behind a URL, as one user who operates it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        super().__init__(url, Login(user, password))

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Give the runs of a DAG; none where Airflow does not know it yet."""
        answer = self.get_if_found(f"dags/{dag_id}/dagRuns")
        return list(answer["dag_runs"]) if answer else []

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Task]:
        """Give all task instances of a run by task id."""
        found: list[dict[str, Any]] = []
        total = 1
        while len(found) < total:
            page: Mapping[str, int] = {"limit": 500, "offset": len(found)}
            answer = self.call("GET", f"{run_path(dag_id, run_id)}/taskInstances", params=page)
            found += answer["task_instances"]
            total = answer["total_entries"]
        return {
            it["task_id"]: Task(it["task_id"], it["state"], it["start_date"], it["end_date"], it["try_number"])
            for it in found
        }

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Give the log of one try of a task as text."""
        lines = self._log(dag_id, run_id, task_id, attempt)
        return "\n".join(str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in lines)

    def defects(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> list[Any]:
        """Give the lines of the log of one try of a task that have a traceback."""
        lines = self._log(dag_id, run_id, task_id, attempt)
        return [line for line in lines if isinstance(line, dict) and line.get("error_detail")]

    def _log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> list[Any]:
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{attempt}"
        return list(self.call("GET", path, params={"full_content": "true"})["content"])

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Do what "clear failed" of a run does in the UI."""
        body = {"dry_run": False, "only_failed": True, "reset_dag_runs": True, "dag_run_id": run_id}
        self.call("POST", f"dags/{dag_id}/clearTaskInstances", json=body)

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run as failed or successful."""
        self.call("PATCH", run_path(dag_id, run_id), json={"state": state})
