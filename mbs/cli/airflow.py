"""Airflow as the commands reach it: a client of its REST API, its URL, and who we are there.

A client of our own: Airflow's generated one (apache-airflow-client 3.3.2) imports 180 models of 30 APIs for our five
calls, which doubles the time that `mbs submit` takes to begin, and leaves login and reasons to us all the same.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

import click
import requests
from requests.utils import get_netrc_auth
from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_not_result, stop_after_delay, wait_fixed

from mbs.cli.common import shows_errors
from mbs.model.errors import Infrastructure, MbsError, PoolMissing
from mbs.model.naming import KOJI_BUILDS
from mbs.model.quoting import plain
from mbs.settings import Settings
from mbs.settings.sources import config_file, load, of_file

ADMIN = "admin"
"""The administrator of the local stack, as airflow.cfg names its users."""


def airflow_of(settings: Settings) -> AirflowClient:
    """Give Airflow's API, as the user that `login` finds."""
    return AirflowClient(settings.api_url, login(settings.api_url, os.environ))


def login(url: str, environ: Mapping[str, str]) -> Login:
    """Find out who we are to Airflow; ask who is at a terminal."""
    if found := known_login(url, environ):
        return found
    if not sys.stdin.isatty():
        msg = f"Nobody is logged in. Set MBS_API_TOKEN, or put user and password for {url} into ~/.netrc."
        raise click.UsageError(msg)
    user = click.prompt("User", default=getpass.getuser(), err=True)
    return Login(user, click.prompt(f"Password of {user} at {url}", hide_input=True, err=True))


def known_login(url: str, environ: Mapping[str, str]) -> Login | None:
    """Find a login without a question: `MBS_API_TOKEN`, what ~/.netrc has for the host, the local stack's `admin`."""
    if token := environ.get("MBS_API_TOKEN"):
        return Login(token=token)
    if found := get_netrc_auth(url):
        return Login(*found)
    return _own_stack(url, environ)


def _own_stack(url: str, environ: Mapping[str, str]) -> Login | None:
    """Who can read the generated passwords of Airflow on this machine is its administrator."""
    if urlsplit(url).hostname not in {"localhost", "127.0.0.1", "::1"}:
        return None
    try:
        written = Path(of_file(config_file(environ), environ, "core")["simple_auth_manager_passwords_file"])
        return Login(ADMIN, str(json.loads(written.read_text(encoding="utf-8"))[ADMIN]))
    except (KeyError, OSError, ValueError, TypeError):
        return None


T = TypeVar("T")

FINISHED = frozenset({"success", "failed"})
"""States in which a run has ended."""


class AirflowUnavailable(Infrastructure):
    """Airflow's API server does not answer."""


class ApiError(MbsError):
    """Airflow did not do what it was asked; the message has its answer, `status` its HTTP status where it gave one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are: a token, or a user and a password, for which Airflow gives one."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class AirflowClient:
    """Airflow behind a URL, as one user."""

    def __init__(self, url: str, login: Login) -> None:
        self.url = url.rstrip("/")
        self._login = login
        self._token = login.token
        self._session = requests.Session()
        # Given as a function, lest requests put a password from ~/.netrc in the place of the token.
        self._session.auth = self._authorize

    def call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        """Call the API; log in where needed, and again when the token has expired.

        Raises ApiError with Airflow's answer, and AirflowUnavailable without one.
        """
        answer = self._send(method, f"api/v2/{path}", **options)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and not self._login.token:
            self._log_in()
            answer = self._send(method, f"api/v2/{path}", **options)
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {_said(answer)}", answer.status_code)
        return self._json(answer) if answer.content else None

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
            retry=retry_if_exception_type(AirflowUnavailable) | retry_if_not_result(bool),
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

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, f"{self.url}/{path}", timeout=30, **options)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise AirflowUnavailable(f"Airflow at {self.url} does not answer: {_cause(error)}") from error
        except requests.RequestException as error:
            raise ApiError(f"Airflow cannot be asked at {self.url}: {error}") from error

    def _log_in(self) -> None:
        self._token = ""
        credentials = {"username": self._login.user, "password": self._login.password}
        answer = self._send("POST", "auth/token", json=credentials)
        if not answer.ok:
            message = f"Airflow refuses the login of {self._login.user}: {_said(answer)}"
            raise ApiError(message, answer.status_code)
        self._token = str(self._json(answer)["access_token"])

    def _json(self, answer: requests.Response) -> Any:  # noqa: ANN401 - whatever JSON Airflow answers
        try:
            return answer.json()
        except ValueError:
            raise ApiError(f"What answers at {self.url} is not Airflow's API.", answer.status_code) from None


def run_path(dag_id: str, run_id: str) -> str:
    """Give the API's path of a run."""
    return f"dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


def _said(answer: requests.Response) -> str:
    """Give Airflow's reason as one line: the detail of its JSON, or the begin of what else it sent."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:500]
    return plain(str(detail))


def _cause(error: BaseException) -> str:
    """Find the system's own words below the wrappings of the HTTP library."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__cause__ or found.__context__
    return "no connection"


_POOL = f"pools/{KOJI_BUILDS}"
_POOL_DESCRIPTION = "Arch builds that the service keeps in Koji at a time, of all modules together."


def provide_pool(client: AirflowClient, slots: int) -> str:
    """Create the pool where it is missing, and say what was done.

    The size of a pool that exists is its administrator's. Raises ApiError, AirflowUnavailable.
    """
    found = client.get_if_found(_POOL)
    if found is None:
        pool = {"name": KOJI_BUILDS, "slots": slots, "description": _POOL_DESCRIPTION}
        client.call("POST", "pools", json=pool)
        return f"The pool {KOJI_BUILDS} is created with {slots} slots."
    return f"The pool {KOJI_BUILDS} exists with {found['slots']} slots."


def check_pool(client: AirflowClient) -> None:
    """Raise PoolMissing where nothing that is submitted could be built; raise ApiError, AirflowUnavailable."""
    try:
        missing = client.get_if_found(_POOL) is None
    except ApiError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return  # whoever may submit need not be allowed to see pools
    if missing:
        raise PoolMissing(KOJI_BUILDS)


@click.command()
@shows_errors
def pools() -> None:
    """Create the pool of Airflow that bounds the builds in Koji, where it is missing.

    Its size is the setting koji_builds_slots; who is logged in, and where, is as for `mbs submit`.
    """
    settings = load()
    click.echo(provide_pool(airflow_of(settings), settings.koji_builds_slots))
