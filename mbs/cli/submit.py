"""`mbs submit` and `mbs cancel`: over the REST API, without a registry or an account of Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbs.cli.api import Api, api_of
from mbs.cli.common import FileOrUrl, options_of, shows_errors, source_fields
from mbs.cli.shown import Build
from mbs.cli.watch import watch
from mbs.model.nsvc import NSVC
from mbs.model.states import ModuleState
from mbs.planning.fields import SUBMISSION
from mbs.planning.ids import dag_id
from mbs.settings.sources import load


@click.command(epilog="\b\nExample:\n  mbs submit examples/modules/greeter/greeter.yaml --branch 1 --watch")
@click.argument("source", metavar="FILE|URL", type=FileOrUrl())
@options_of(SUBMISSION)
@click.option("--watch", "follow", is_flag=True, help="Watch the builds until they have ended.")
@shows_errors
def submit(*, source: Path | str, branch: str | None, follow: bool, **asked: Any) -> None:
    """Submit a module to be built, and print its module builds.

    FILE is a modulemd, URL a commit of its repository: https://host/path/name?#commit.

    The server is at MBS_API_URL or the setting api_url. You are who the token in MBS_API_TOKEN belongs to, or the user
    that ~/.netrc has for that host (of Airflow), or the administrator of the stack that runs in this checkout.
    """
    settings = load()
    fields = source_fields(source, branch, settings) | asked
    api = api_of(settings)
    builds = api.submit({name: value for name, value in fields.items() if value})
    for build in builds:
        click.echo(f"{build.nsvc} {_outcome(build)}: {_page(api, build)}")
    if follow and not watch(api, [build.id for build in builds]):
        raise SystemExit(1)


@click.command()
@click.argument("modules", metavar="NSVC|ID...", nargs=-1, required=True)
@shows_errors
def cancel(modules: tuple[str, ...]) -> None:
    """Cancel module builds: what Koji builds for them is canceled, and nothing more is submitted.

    Owners and members of the setting admin_groups may. You are known as for `mbs submit`.
    """
    api = api_of(load())
    for number in [api.number(NSVC.or_number(module)) for module in modules]:
        click.echo(f"{api.cancel(number).nsvc} is canceled.")


def _outcome(build: Build) -> str:
    """Say what became of a module build that was asked for."""
    if build.state not in {ModuleState.INIT, ModuleState.WAIT}:
        return f"exists already ({build.state.label}) and was left alone"
    return "had failed and goes on" if build.reason else "is submitted"


def _page(api: Api, build: Build) -> str:
    return f"{api.url}/dags/{dag_id(build.nsvc)}"
