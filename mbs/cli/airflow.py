"""Airflow as the commands reach it: its URL, and who we are there.

A password comes from ~/.netrc or the local stack's own file, or is asked for; it is never an argument, which everyone
on the machine could read.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
from requests.utils import get_netrc_auth

from mbs.airflow_api import AirflowClient, Login
from mbs.settings import Settings
from mbs.settings_sources import config_file, of_file

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
