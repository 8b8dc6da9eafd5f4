"""`mbs serve`: the REST API apart from Airflow, as on a machine that strangers reach."""

from __future__ import annotations

import os
from dataclasses import replace
from urllib.parse import quote

import click

from mbs.cli.airflow import AirflowClient, run_path
from mbs.cli.common import shows_errors
from mbs.cli.doctor import account
from mbs.cli.registry import registry_of
from mbs.cli.server import ApiError, Login, known_login
from mbs.koji.account import CONNECTION
from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.model.errors import Infrastructure
from mbs.model.naming import PREFIX
from mbs.model.users import User
from mbs.settings import Settings
from mbs.settings.sources import CHECKOUT, config_file, load
from mbs.web import Services, create_app
from mbs.web.auth.configured import authenticators

LOOPBACK = "127.0.0.1"
UNFINISHED = ("queued", "running")
"""States of a run that has not ended."""


@click.command(epilog="\b\nExample:\n  AIRFLOW__MBS__AUTH=no_auth mbs serve --port 8090")
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@shows_errors
def serve(host: str, port: int) -> None:
    """Serve the REST API without Airflow, under /module-build-service.

    The registry is that of MBS_DATABASE_URL; the hub is found as `mbs doctor` finds it; what is canceled is failed in
    Airflow at MBS_API_URL with the account of an administrator, known as `mbs submit` knows you. The setting auth says
    who may come in; Airflow's own tokens count only where the API is part of Airflow.
    """
    import uvicorn  # noqa: PLC0415 - no other command needs it
    from fastapi import FastAPI  # noqa: PLC0415

    app = FastAPI(openapi_url=None)
    app.mount(PREFIX, create_app(services(load())))
    click.echo(f"The REST API is at http://{host}:{port}{PREFIX}/docs")
    uvicorn.run(app, host=host, port=port, log_level="warning", proxy_headers=False)


def services(settings: Settings) -> Services:
    """Give what the application works with, as the environment and airflow.cfg say it."""
    registry = registry_of(settings)
    ways = tuple(way for way in settings.auth if way != "airflow")
    if len(ways) < len(settings.auth):
        click.echo("Tokens of Airflow do not count here: of the setting auth the others do.", err=True)
    found: list[HubAccount] = []

    def hub() -> HubSession:
        if not found:
            found.append(_account(settings))
        return HubSession(found[0], delays=IMPATIENT)

    return Services(
        settings=settings,
        registry=lambda: registry,
        hub=hub,
        runs=AirflowRuns(settings),
        authenticators=authenticators(replace(settings, auth=ways)),
    )


class AirflowRuns:
    """The runs of module builds, over Airflow's REST API."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def fail(self, dag_id: str, reason: str, by: User) -> None:
        """Mark the runs of a DAG that have not ended as failed, with a note. Raises Infrastructure."""
        url = self._settings.api_url
        airflow = AirflowClient(url, known_login(url, os.environ) or Login())
        try:
            answer = airflow.get_if_found(f"dags/{quote(dag_id, safe='')}/dagRuns")
            for run in answer["dag_runs"] if answer else []:
                if run["state"] in UNFINISHED:
                    body = {"state": "failed", "note": f"{reason}\n(by {by}, over the REST API)"}
                    airflow.call("PATCH", run_path(dag_id, run["dag_run_id"]), json=body)
        except ApiError as error:
            raise Infrastructure(f"The run of {dag_id} could not be ended in Airflow: {error}") from error


def _account(settings: Settings) -> HubAccount:
    config = config_file(os.environ)
    home = config.parent.resolve() if config else CHECKOUT
    login = known_login(settings.api_url, os.environ) or Login()

    def ask() -> dict[str, object]:
        return dict(AirflowClient(settings.api_url, login).call("GET", f"connections/{CONNECTION}"))

    return account.find(os.environ, home / account.FILE, ask).account
