"""What is asked of the registry: `mbs list`, `mbs show`, `mbs watch`, `mbs retire`."""

from __future__ import annotations

from getpass import getuser

import click

from mbs.cli import show
from mbs.cli.common import shows_errors
from mbs.cli.registry import ready_builds, registry_of
from mbs.cli.watch import watch
from mbs.model.errors import NotFound
from mbs.model.nsvc import NSVC
from mbs.registry import BuildFilter, ModuleState, Page
from mbs.settings.sources import load

RETIRED_AT_ONCE = 1000
"""Builds; whoever means more names a version."""


@click.command("show", epilog="\b\nExample:\n  mbs show greeter:1:4020260101000000:8a1111b2")
@click.argument("module", metavar="NSVC|ID")
@click.option("--modulemd", is_flag=True, help="Print its document, as `import` and `plan --module` read it.")
@shows_errors
def show_build(module: str, modulemd: bool) -> None:
    """Show a module build: its state, its components, what happened to it."""
    registry = registry_of(load())
    with registry.transaction() as work:
        build = work.builds.get(NSVC.or_number(module))
        document, components = work.documents.modulemd(build.id), work.components.of(build.id)
        trace = work.builds.trace(build.id)
    if modulemd:
        show.document(document, build.koji_tag)
    else:
        show.build(build, components, trace)


@click.command("watch", epilog="\b\nExample:\n  mbs watch greeter:1:4020260101000000:8a1111b2")
@click.argument("modules", metavar="NSVC|ID...", nargs=-1, required=True)
@shows_errors
def watch_builds(modules: tuple[str, ...]) -> None:
    """Watch module builds until they have ended; exit status 1 where one failed."""
    registry = registry_of(load())
    if not watch(registry, [registry.builds.get(NSVC.or_number(module)).id for module in modules]):
        raise SystemExit(1)


@click.command()
@click.argument("module", metavar="NAME:STREAM[:VERSION[:CONTEXT]]")
@click.option("--confirm", is_flag=True, help="Do not ask.")
@shows_errors
def retire(module: str, confirm: bool) -> None:
    """Retire the ready builds of MODULE: none of them is a dependency, or reused, any more. Koji keeps what it has."""
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
    wanted = tuple(ModuleState[state.upper()] for state in states)
    found = registry_of(load()).builds.find(
        BuildFilter(name=name, stream=stream, owner=owner, states=wanted), Page(size=limit)
    )
    show.listing(found.items, found.total)
