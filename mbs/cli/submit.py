"""`mbs submit`: fills in the form `submit_module` through Airflow's API, and waits for its answer.

It needs an account of Airflow, and no registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click

from mbs.cli.airflow import AirflowClient, ApiError, airflow_of, check_pool
from mbs.cli.common import FileOrUrl, options_of, shows_errors, source_fields
from mbs.cli.registry import registry_of
from mbs.cli.watch import watch
from mbs.model.errors import Refused
from mbs.model.naming import BUILDS, PROBLEMS, SUBMIT_DAG, SUBMIT_TASK, SubmittedBuild
from mbs.planning.fields import SUBMISSION
from mbs.settings.sources import load

PATIENCE = 900.0
"""Seconds until a submission is answered: reading a few hundred git repositories takes a while."""


@click.command(epilog="\b\nExample:\n  mbs submit examples/modules/greeter/greeter.yaml --branch 1 --watch")
@click.argument("source", metavar="FILE|URL", type=FileOrUrl())
@options_of(SUBMISSION)
@click.option("--watch", "follow", is_flag=True, help="Watch the builds until they have ended.")
@shows_errors
def submit(*, source: Path | str, branch: str | None, follow: bool, **asked: Any) -> None:
    """Submit a module to be built, through Airflow, and print its module builds.

    FILE is a modulemd, URL a commit of its repository: https://host/path/name?#commit.

    Airflow's URL is MBS_API_URL or the setting api_url; you are who the token in MBS_API_TOKEN belongs to, or the user
    that ~/.netrc has for that host, or the administrator of the stack that runs in this checkout; otherwise you are
    asked.
    """
    settings = load()
    registry = registry_of(settings) if follow else None
    fields = source_fields(source, branch, settings) | asked
    airflow = airflow_of(settings)
    check_pool(airflow)
    builds = fill_in(airflow, fields)
    for build in builds:
        click.echo(f"{build['nsvc']} {build['outcome']}: {airflow.page_of(build['dag_id'])}")
    if registry and not watch(registry, [build["id"] for build in builds]):
        raise SystemExit(1)


def fill_in(client: AirflowClient, fields: Mapping[str, object]) -> list[SubmittedBuild]:
    """Fill in the form and give the module builds that come of it; raise Refused with every problem."""
    run_id = client.trigger(SUBMIT_DAG, {name: value for name, value in fields.items() if value})
    run = client.wait(SUBMIT_DAG, run_id, PATIENCE)
    if run["state"] == "success":
        return cast("list[SubmittedBuild]", client.xcom(SUBMIT_DAG, run_id, SUBMIT_TASK, BUILDS))
    if problems := client.xcom(SUBMIT_DAG, run_id, SUBMIT_TASK, PROBLEMS):
        raise Refused(*problems)
    said = run.get("note") or "The submission was not answered."
    raise ApiError(f"{said}\nIts log may say more: {client.page_of(SUBMIT_DAG, run_id)}")
