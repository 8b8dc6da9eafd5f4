"""`mbs submit`: fills in the form `submit_module` through Airflow's API, and waits for its answer.

It needs an account of Airflow, and no registry. A password comes from ~/.netrc or is asked for; it is never an
argument, which everyone on the machine could read.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from typing import cast

import click
from requests.utils import get_netrc_auth

from mbs.airflow_api import AirflowClient, ApiError, Login
from mbs.errors import Refused
from mbs.forms import BUILDS, PROBLEMS, SUBMIT_DAG, SUBMIT_TASK, SubmittedBuild

PATIENCE = 900.0
"""Seconds until a submission is answered: reading a few hundred git repositories takes a while."""


def submit(client: AirflowClient, fields: Mapping[str, object]) -> list[SubmittedBuild]:
    """Fill in the form and give the module builds that come of it; raise Refused with every problem."""
    run_id = client.trigger(SUBMIT_DAG, {name: value for name, value in fields.items() if value})
    state = client.wait(SUBMIT_DAG, run_id, PATIENCE)["state"]
    if state == "success":
        return cast("list[SubmittedBuild]", client.xcom(SUBMIT_DAG, run_id, SUBMIT_TASK, BUILDS))
    if problems := client.xcom(SUBMIT_DAG, run_id, SUBMIT_TASK, PROBLEMS):
        raise Refused(*problems)
    raise ApiError(f"The submission was not answered; its log says why: {client.page_of(SUBMIT_DAG, run_id)}")


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
