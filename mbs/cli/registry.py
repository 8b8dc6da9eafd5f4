"""The registry that commands ask, how they are told which of its builds are meant, and `mbs db`, which cares for it."""

from __future__ import annotations

from pathlib import Path

import click

from mbs.cli.common import shows_errors
from mbs.model.errors import InvalidRequest, RegistryUnavailable
from mbs.model.nsvc import NSVCPattern
from mbs.registry import BuildFilter, ModuleState, Registry, engine_for
from mbs.settings import Settings
from mbs.settings.sources import load


def registry_of(settings: Settings) -> Registry:
    """Connect to the registry; who has none, or one that does not run, is told how to come by it."""
    if not settings.database_url:
        msg = (
            "There is no registry to ask. Set MBS_DATABASE_URL, or database_url in section [mbs] of airflow.cfg, to "
            "the URL of its PostgreSQL database."
        )
        raise click.UsageError(msg)
    engine = engine_for(settings.database_url)
    socket = engine.url.query.get("host", "")
    if isinstance(socket, str) and socket.startswith("/") and not any(Path(socket).glob(".s.PGSQL.*")):
        msg = (
            f"No PostgreSQL runs in {socket}, where the registry should be. In a checkout `make demo` starts it; "
            "MBS_DATABASE_URL names another."
        )
        raise RegistryUnavailable(msg)
    return Registry(engine)


def ready_builds(module: str) -> BuildFilter:
    """Read `name:stream[:version[:context]]`."""
    try:
        wanted = NSVCPattern.parse(module)
    except InvalidRequest as refused:
        raise click.BadParameter(str(refused)) from None
    return BuildFilter(wanted.name, wanted.stream, wanted.version, wanted.context, states=(ModuleState.READY,))


@click.group()
def db() -> None:
    """Care for the registry's database."""


@db.command("upgrade")
@shows_errors
def upgrade_database() -> None:
    """Create or migrate the tables of the registry."""
    from mbs.registry.migrate import upgrade  # noqa: PLC0415 - no other command needs Alembic

    click.echo(f"The registry is at revision {upgrade(registry_of(load()).engine)}.")
