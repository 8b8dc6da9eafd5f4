"""Airflow as the commands of its administrators reach it: a client of its REST API, and `mbs pools`.

A client of our own: Airflow's generated one (apache-airflow-client 3.3.2) imports 180 models of 30 APIs for our few
calls, which doubles the time that a command takes to begin, and leaves login and reasons to us all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar, cast
from urllib.parse import quote

import click
from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_not_result, stop_after_delay, wait_fixed

from mbs.cli.common import shows_errors
from mbs.cli.server import ApiError, Server, ServerUnavailable, login, said
from mbs.model.naming import KOJI_BUILDS
from mbs.settings import Settings
from mbs.settings.sources import load

T = TypeVar("T")

FINISHED = frozenset({"success", "failed"})
"""States in which a run has ended."""


def airflow_of(settings: Settings) -> AirflowClient:
    """Give Airflow's API, as the user that `login` finds."""
    return AirflowClient(settings.api_url, login(settings.api_url, os.environ))


class AirflowClient(Server):
    """Airflow behind a URL, as one user."""

    name = "Airflow"

    def call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        """Call the API; raises ApiError with Airflow's answer, and ServerUnavailable without one."""
        answer = self.request(method, f"api/v2/{path}", **options)
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {said(answer)}", answer.status_code)
        return self.json(answer) if answer.content else None

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run of a DAG and give its id."""
        run = self.call("POST", f"dags/{quote(dag_id)}/dagRuns", json={"conf": conf, "logical_date": None})
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Give a run."""
        return dict(self.call("GET", run_path(dag_id, run_id)))

    def wait(self, dag_id: str, run_id: str, seconds: float = 120, *, interval: float = 0.5) -> dict[str, Any]:
        """Wait until a run has ended and give it; raise ApiError after `seconds`."""
        what = f"the end of {dag_id} {run_id}"
        return self.until(lambda: self._ended(dag_id, run_id), what, seconds, interval=interval)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:  # noqa: ANN401 - any JSON
        """Give what a task left behind; None where it did not."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        answer = self.get_if_found(f"{path}?deserialize=true")
        return answer["value"] if answer else None

    def get_if_found(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        """Give what is there; None where nothing is."""
        try:
            return self.call("GET", path)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def page_of(self, dag_id: str, run_id: str | None = None) -> str:
        """Give the URL of a DAG, or of one of its runs, in the UI."""
        run = f"/runs/{quote(run_id, safe='')}" if run_id else ""
        return f"{self.url}/dags/{quote(dag_id, safe='')}{run}"

    def until(self, find: Callable[[], T | None], what: str, seconds: float = 120, *, interval: float = 0.5) -> T:
        """Ask again every `interval` seconds until `find` gives something; raise ApiError after `seconds`."""
        again = Retrying(
            # An API server that does not answer is being restarted.
            retry=retry_if_exception_type(ServerUnavailable) | retry_if_not_result(bool),
            wait=wait_fixed(interval),
            stop=stop_after_delay(seconds),
        )
        try:
            return again(lambda: cast("T", find()))  # it gives only what is something
        except RetryError:
            raise ApiError(f"Waited {seconds:.0f} s for {what}.") from None

    def _ended(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        run = self.run(dag_id, run_id)
        return run if run["state"] in FINISHED else None


def run_path(dag_id: str, run_id: str) -> str:
    """Give the API's path of a run."""
    return f"dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


_POOL = f"pools/{KOJI_BUILDS}"
_POOL_DESCRIPTION = "Arch builds that the service keeps in Koji at a time, of all modules together."


def provide_pool(client: AirflowClient, slots: int) -> str:
    """Create the pool where it is missing, and say what was done.

    The size of a pool that exists is its administrator's. Raises ApiError, ServerUnavailable.
    """
    found = client.get_if_found(_POOL)
    if found is None:
        pool = {"name": KOJI_BUILDS, "slots": slots, "description": _POOL_DESCRIPTION}
        client.call("POST", "pools", json=pool)
        return f"The pool {KOJI_BUILDS} is created with {slots} slots."
    return f"The pool {KOJI_BUILDS} exists with {found['slots']} slots."


@click.command()
@shows_errors
def pools() -> None:
    """Create the pool of Airflow that bounds the builds in Koji, where it is missing.

    Its size is the setting koji_builds_slots; you are an administrator of Airflow, known as `mbs submit` knows you.
    """
    settings = load()
    click.echo(provide_pool(airflow_of(settings), settings.koji_builds_slots))
