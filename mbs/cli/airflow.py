"""Airflow as the commands reach it: its URL, and who we are there.

A password comes from ~/.netrc or is asked for; it is never an argument, which everyone on the machine could read.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping

import click
from requests.utils import get_netrc_auth

from mbs.airflow_api import AirflowClient, Login
from mbs.settings import Settings


def airflow_of(settings: Settings) -> AirflowClient:
    """Give Airflow's API, as the user that `login` finds."""
    return AirflowClient(settings.api_url, login(settings.api_url, os.environ))


def login(url: str, environ: Mapping[str, str]) -> Login:
    """Find out who we are to Airflow: `MBS_API_TOKEN`, else what ~/.netrc has for its host, else ask."""
    if token := environ.get("MBS_API_TOKEN"):
        return Login(token=token)
    if found := get_netrc_auth(url):
        return Login(*found)
    if not sys.stdin.isatty():
        msg = f"Nobody is logged in. Set MBS_API_TOKEN, or put user and password for {url} into ~/.netrc."
        raise click.UsageError(msg)
    user = click.prompt("User", default=getpass.getuser(), err=True)
    return Login(user, click.prompt(f"Password of {user} at {url}", hide_input=True, err=True))
