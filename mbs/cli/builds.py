"""What is asked about module builds: `mbs list`, `mbs show`, `mbs watch`; and `mbs retire`, of the registry."""

from __future__ import annotations

import os
from getpass import getuser

import click

from mbs.cli import show
from mbs.cli.common import shows_errors
from mbs.cli.shown import Builds, Wanted
from mbs.cli.watch import watch
from mbs.model.errors import NotFound
from mbs.model.nsvc import NSVC
from mbs.model.states import ModuleState
from mbs.settings.sources import load

RETIRED_AT_ONCE = 1000
"""Builds; whoever means more names a version."""


@click.command("show", epilog="\b\nExample:\n  mbs show greeter:1:4020260101000000:8a1111b2")
@click.argument("module", metavar="NSVC|ID")
@click.option("--modulemd", is_flag=True, help="Print its document, as `import` and `plan --module` read it.")
@shows_errors
def show_build(module: str, modulemd: bool) -> None:
    """Show a module build: its state, its components, what happened to it."""
    builds = _builds()
    number = builds.number(NSVC.or_number(module))
    whole = builds.whole(number)
    if modulemd:
        show.document(builds.document(number), whole.build.koji_tag)
    else:
        show.build(whole)


@click.command("watch", epilog="\b\nExample:\n  mbs watch greeter:1:4020260101000000:8a1111b2")
@click.argument("modules", metavar="NSVC|ID...", nargs=-1, required=True)
@shows_errors
def watch_builds(modules: tuple[str, ...]) -> None:
    """Watch module builds until they have ended; exit status 1 where one failed."""
    builds = _builds()
    if not watch(builds, [builds.number(NSVC.or_number(module)) for module in modules]):
        raise SystemExit(1)


@click.command()
@click.argument("module", metavar="NAME:STREAM[:VERSION[:CONTEXT]]")
@click.option("--confirm", is_flag=True, help="Do not ask.")
@shows_errors
def retire(module: str, confirm: bool) -> None:
    """Retire the ready builds of MODULE: none of them is a dependency, or reused, any more. Koji keeps what it has."""
    from mbs.cli.registry import ready_builds, registry_of  # noqa: PLC0415 - PostgreSQL takes long to import
    from mbs.registry import Page  # noqa: PLC0415

    registry = registry_of(load())
    found = registry.builds.find(ready_builds(module), Page(size=RETIRED_AT_ONCE)).items
    if not found:
        raise NotFound(f"There is no ready module build {module}.")
    for build in found:
        click.echo(f"{build.nsvc}")
    if not confirm and not click.confirm(f"Retire {'these' if len(found) > 1 else 'this'}?"):
        click.echo("Nothing was retired.")
        return
    with registry.transaction() as work:
        for build in found:
            work.builds.retire(build.id, by=getuser())
    for build in found:
        click.echo(f"{build.nsvc} is retired.")


@click.command("list", epilog="\b\nExample:\n  mbs list --name greeter --state ready")
@click.option("--name", help="Only builds of this module.")
@click.option("--stream", help="Only builds of this stream.")
@click.option("--owner", help="Only builds of this user.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([state.label for state in ModuleState]), help="Repeatable."
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most this many.")
@shows_errors
def list_builds(name: str | None, stream: str | None, owner: str | None, states: tuple[str, ...], limit: int) -> None:
    """List module builds, the newest first."""
    wanted = Wanted(name, stream, owner, tuple(ModuleState[state.upper()] for state in states))
    show.listing(*_builds().find(wanted, limit))


def _builds() -> Builds:
    """Give the module builds of the server that MBS_API_URL names; without it of the registry, if one is named."""
    settings = load()
    if os.environ.get("MBS_API_URL") or not settings.database_url:
        from mbs.cli.api import api_of  # noqa: PLC0415 - only one of the two is needed

        return api_of(settings)
    from mbs.cli.registry import RegistryBuilds, registry_of  # noqa: PLC0415 - PostgreSQL takes long to import

    return RegistryBuilds(registry_of(settings))
