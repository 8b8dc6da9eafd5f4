"""What an administrator runs: `mbs db`, and `mbs pools` for the pool of Airflow that bounds the arch builds in Koji."""

from __future__ import annotations

import click

from mbs.cli.airflow import airflow_of, provide_pool
from mbs.cli.common import shows_errors
from mbs.cli.registry import registry_of
from mbs.registry.migrate import upgrade
from mbs.settings.sources import load


@click.group()
def db() -> None:
    """Care for the registry's database."""


@db.command("upgrade")
@shows_errors
def upgrade_database() -> None:
    """Create or migrate the tables of the registry."""
    click.echo(f"The registry is at revision {upgrade(registry_of(load()).engine)}.")


@click.command()
@shows_errors
def pools() -> None:
    """Create the pool of Airflow that bounds the builds in Koji, where it is missing.

    Its size is the setting koji_builds_slots; who is logged in, and where, is as for `mbs submit`.
    """
    settings = load()
    click.echo(provide_pool(airflow_of(settings), settings.koji_builds_slots))
