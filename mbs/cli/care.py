"""What an administrator runs: `mbs db`, `mbs pools`, `mbs import`."""

from __future__ import annotations

from pathlib import Path

import click

from mbs import pools as koji_pools
from mbs.cli.airflow import airflow_of
from mbs.cli.common import FILE, told
from mbs.cli.plan import registered
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


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@told
def import_files(files: tuple[Path, ...]) -> None:
    """Register base modules or finished modules.

    Each of FILES holds one document or many (a modules.yaml). What is imported can be built against at once.
    """
    settings = load()
    registry = registry_of(settings)
    for module in registered(files, settings):
        done = registry.import_module(module, base_module_names=settings.base_module_names)
        click.echo("\n".join(done.messages))
