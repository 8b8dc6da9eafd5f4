"""A server of ours behind a URL, as one user: who we are there, and how it is asked."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import requests
from requests.utils import get_netrc_auth

from mbs.model.errors import Infrastructure, MbsError
from mbs.model.quoting import plain
from mbs.settings.sources import config_file, of_file

ADMIN = "admin"
"""The administrator of the local stack, as airflow.cfg names its users."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})


class ServerUnavailable(Infrastructure):
    """The server does not answer."""


class ApiError(MbsError):
    """The server did not do what it was asked; `status` is its HTTP status, where it gave one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are: a token, or a user and a password, for which Airflow gives one."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class Server:
    """A server behind a URL, as one user; Airflow gives the token for a user and a password."""

    name = "The server"

    def __init__(self, url: str, login: Login) -> None:
        self.url = url.rstrip("/")
        self.login = login
        self._token = login.token
        self._session = requests.Session()
        # Given as a function, lest requests put a password from ~/.netrc in the place of the token.
        self._session.auth = self._authorize

    def request(self, method: str, path: str, *, timeout: float = 30, **options: Any) -> requests.Response:
        """Ask; log in where needed, and again when the token has expired.

        Raises ServerUnavailable without an answer, ApiError where Airflow refuses the login.
        """
        answer = self._send(method, path, timeout=timeout, **options)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and self.login.user and not self.login.token:
            self.log_in()
            answer = self._send(method, path, timeout=timeout, **options)
        return answer

    def log_in(self) -> None:
        """Have Airflow give a token; raises ApiError where it refuses."""
        self._token = ""
        credentials = {"username": self.login.user, "password": self.login.password}
        answer = self._send("POST", "auth/token", timeout=30, json=credentials)
        if not answer.ok:
            message = f"Airflow refuses the login of {self.login.user}: {said(answer)}"
            raise ApiError(message, answer.status_code)
        self._token = str(self.json(answer)["access_token"])

    @property
    def is_logged_in(self) -> bool:
        """Whether what is asked is asked as somebody."""
        return bool(self._token)

    def json(self, answer: requests.Response) -> Any:  # noqa: ANN401 - whatever JSON it answers
        """Read an answer; raise ApiError where it is no JSON."""
        try:
            return answer.json()
        except ValueError:
            raise ApiError(f"What answers at {self.url} is not {self.name}.", answer.status_code) from None

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _send(self, method: str, path: str, *, timeout: float, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, f"{self.url}/{path}", timeout=timeout, **options)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise ServerUnavailable(f"{self.name} at {self.url} does not answer: {_cause(error)}") from error
        except requests.RequestException as error:
            raise ApiError(f"{self.name} cannot be asked at {self.url}: {error}") from error


def said(answer: requests.Response) -> str:
    """Give the server's reason as one line: the detail of its JSON, or the begin of what else it sent."""
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
