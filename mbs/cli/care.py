"""What an administrator runs: `mbs db`, `mbs pools`."""

from __future__ import annotations

import click

from mbs import pools as koji_pools
from mbs.cli.airflow import airflow_of
from mbs.cli.common import told
from mbs.cli.registry import registry_of
from mbs.registry.migrate import upgrade
from mbs.settings_sources import load


@click.group()
def db() -> None:
    """Care for the registry's database."""


@db.command("upgrade")
@told
def upgrade_database() -> None:
    """Create or migrate the tables of the registry."""
    click.echo(f"The registry is at revision {upgrade(registry_of(load()).engine)}.")


@click.command()
@told
def pools() -> None:
    """Create the pool of Airflow that bounds the builds in Koji, where it is missing.

    Its size is the setting koji_builds_slots; who is logged in, and where, is as for `mbs submit`.
    """
    settings = load()
    click.echo(koji_pools.provide(airflow_of(settings), settings.koji_builds_slots))
