"""The command `mbs`.

Exit status: 0, 1 where the input is refused (one line per problem on standard error), 2 for wrong usage.
"""

from __future__ import annotations

import os
import re
from getpass import getuser
from pathlib import Path
from typing import Any

import click

from mbs import pools as koji_pools
from mbs.airflow_api import AirflowClient
from mbs.cli import show
from mbs.cli.common import FileOrUrl, read_file, registry_of, told
from mbs.cli.submit import login
from mbs.cli.submit import submit as fill_in
from mbs.cli.watch import watch
from mbs.errors import NotFound
from mbs.nsvc import NSVC
from mbs.registry import BuildFilter, ModuleState, Page, upgrade
from mbs.reuse import Strategy
from mbs.settings import Settings
from mbs.settings_sources import load

RETIRED_AT_ONCE = 1000
"""Builds; whoever means more names a version."""

_MODULE = re.compile(r"([^:]+):([^:]+)(?::(\d+)(?::([^:]+))?)?")

STRATEGY = click.Choice([each.value for each in Strategy])

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="airflow-module-build-service", message="%(prog)s %(version)s")
def main() -> None:
    """Plan, submit, register and look at module builds."""


@main.group()
def db() -> None:
    """Care for the registry's database."""


@db.command("upgrade")
@told
def upgrade_database() -> None:
    """Create or migrate the tables of the registry."""
    click.echo(f"The registry is at revision {upgrade(registry_of(load()).engine)}.")


@main.command()
@told
def pools() -> None:
    """Create the pool of Airflow that bounds the builds in Koji, where it is missing.

    Its size is the setting koji_builds_slots; who is logged in, and where, is as for `mbs submit`.
    """
    settings = load()
    click.echo(koji_pools.provide(_airflow(settings), settings.koji_builds_slots))


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@told
def import_files(files: tuple[Path, ...]) -> None:
    """Register base modules or finished modules.

    Each of FILES holds one document or many (a modules.yaml). What is imported can be built against at once.
    """
    from mbs.cli.plan import registered  # noqa: PLC0415 - libmodulemd is not needed by the other commands

    settings = load()
    registry = registry_of(settings)
    for module in registered(files, settings):
        done = registry.import_module(module, base_module_names=settings.base_module_names)
        click.echo("\n".join(done.messages))


@main.command("show")
@click.argument("module", metavar="NSVC|ID")
@click.option("--modulemd", is_flag=True, help="Print its document, as `import` and `plan --module` read it.")
@told
def show_build(module: str, modulemd: bool) -> None:
    """Show a module build: its state, its components, what happened to it."""
    registry = registry_of(load())
    build = registry.build(build_key(module))
    if modulemd:
        show.document(registry.modulemd(build.id), build.koji_tag)
        return
    show.build(build, registry.components(build.id), registry.trace(build.id))


@main.command()
@click.argument("source", metavar="FILE|URL", type=FileOrUrl())
@click.option("--branch", help="Branch that has the commit; it gives the stream. Default: the setting default_branch.")
@click.option("--scratch", is_flag=True, help="Build, but neither import nor tag.")
@click.option("--rebuild-strategy", type=STRATEGY, help="Which components are built anew.")
@click.option("--reuse-from", metavar="NSVC|ID", help="The module build to reuse components from.")
@click.option("--buildrequire", "streams", multiple=True, metavar="NAME=STREAM", help="Stream to build against.")
@click.option("--ref", "refs", multiple=True, metavar="NAME=REF", help="Branch, tag or commit of a component.")
@click.option("--side-tag", help="Koji side tag of the base module to build in.")
@click.option("--owner", help="In whose name, for those who may choose.")
@click.option("--watch", "follow", is_flag=True, help="Watch the builds until they have ended.")
@told
def submit(
    *,
    source: Path | str,
    branch: str | None,
    streams: tuple[str, ...],
    refs: tuple[str, ...],
    follow: bool,
    **form: Any,
) -> None:
    """Submit a module to be built, through Airflow, and print its module builds.

    FILE is a modulemd, URL a commit of its repository: https://host/path/name?#commit.

    Airflow's URL is MBS_API_URL or the setting api_url; you are who the token in MBS_API_TOKEN belongs to, or the user
    that ~/.netrc has for that host; otherwise you are asked. --ref and --buildrequire can be repeated.
    """
    from mbs.cli.source import source_fields  # noqa: PLC0415 - libmodulemd is not needed by the other commands

    settings = load()
    registry = registry_of(settings) if follow else None
    fields = source_fields(source, branch, settings) | {
        "scratch": form["scratch"],
        "rebuild_strategy": form["rebuild_strategy"],
        "reuse_components_from": form["reuse_from"],
        "side_tag": form["side_tag"],
        "owner": form["owner"],
        "buildrequire_overrides": _streams(streams),
        "rpm_component_ref_overrides": _pairs(refs),
    }
    airflow = _airflow(settings)
    koji_pools.check(airflow)
    builds = fill_in(airflow, fields)
    for build in builds:
        click.echo(f"{build['nsvc']} {build['outcome']}: {airflow.page_of(build['dag_id'])}")
    if registry and not watch(registry, [build["id"] for build in builds]):
        raise SystemExit(1)


@main.command("watch")
@click.argument("modules", metavar="NSVC|ID...", nargs=-1, required=True)
@told
def watch_builds(modules: tuple[str, ...]) -> None:
    """Watch module builds until they have ended; exit status 1 where one failed."""
    registry = registry_of(load())
    if not watch(registry, [registry.build(build_key(module)).id for module in modules]):
        raise SystemExit(1)


@main.command()
@click.argument("module", metavar="NAME:STREAM[:VERSION[:CONTEXT]]")
@click.option("--confirm", is_flag=True, help="Do not ask.")
@told
def retire(module: str, confirm: bool) -> None:
    """Retire the ready builds of MODULE: none of them is a dependency, or reused, any more. Koji keeps what it has."""
    registry = registry_of(load())
    found = registry.find(ready_builds(module), Page(size=RETIRED_AT_ONCE)).items
    if not found:
        raise NotFound(f"There is no ready module build {module}.")
    for build in found:
        click.echo(f"{build.nsvc}")
    if not confirm and not click.confirm(f"Retire {'these' if len(found) > 1 else 'this'}?"):
        click.echo("Nothing was retired.")
        return
    for build in found:
        registry.retire(build.id, by=getuser())
        click.echo(f"{build.nsvc} is retired.")


@main.command("list")
@click.option("--name", help="Only builds of this module.")
@click.option("--stream", help="Only builds of this stream.")
@click.option("--owner", help="Only builds of this user.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([state.label for state in ModuleState]), help="Repeatable."
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most this many.")
@told
def list_builds(name: str | None, stream: str | None, owner: str | None, states: tuple[str, ...], limit: int) -> None:
    """List module builds, the newest first."""
    wanted = tuple(ModuleState[state.upper()] for state in states)
    found = registry_of(load()).find(
        BuildFilter(name=name, stream=stream, owner=owner, states=wanted), Page(size=limit)
    )
    show.listing(found.items, found.total)


@main.command()
@click.argument("file", type=FILE)
@told
def validate(file: Path) -> None:
    """Check the modulemd in FILE as a submission would; tell every problem with its line."""
    from mbs.modulemd.guard import Limits  # noqa: PLC0415 - libmodulemd is not needed by the other commands
    from mbs.modulemd.validation import validate as check  # noqa: PLC0415 - as above

    settings = load()
    limits = Limits(size=settings.max_modulemd_size)
    check(read_file(file, limits.size), settings.rules, name=file.stem, limits=limits)
    click.echo(f"{file} is valid.")


@main.command()
@click.argument("source", metavar="FILE|URL", type=FileOrUrl())
@click.option("--branch", help="Branch of the document; it gives the stream. Default: the setting default_branch.")
@click.option("--platform", "platforms", multiple=True, type=FILE, help="File of base modules. Repeatable.")
@click.option("--module", "modules", multiple=True, type=FILE, help="File of finished modules. Repeatable.")
@click.option("--ref", "refs", multiple=True, metavar="NAME=COMMIT", help="Commit of a component. Repeatable.")
@click.option("--arch", "arches", multiple=True, help="Arch to build for, where the platform has none. Repeatable.")
@click.option("--json", "form", flag_value="json", help="Print the plans, one JSON document per line.")
@click.option("--modulemd", "form", flag_value="modulemd", help="Print the documents of the builds, for --module.")
@told
def plan(
    *,
    source: Path | str,
    branch: str | None,
    platforms: tuple[Path, ...],
    modules: tuple[Path, ...],
    refs: tuple[str, ...],
    arches: tuple[str, ...],
    form: str | None,
) -> None:
    """Show what would be built, in what order and against what.

    FILE is a modulemd, URL a commit of its repository: https://host/path/name?#commit.

    Needs no server: with --platform and --module the modules to build against come from files, otherwise from the
    registry. Components that --ref names no commit for are looked up with git. Nothing is recorded.
    """
    from mbs.cli.plan import Wish, plans  # noqa: PLC0415 - libmodulemd and libsolv are not needed by other commands

    found, unsatisfied = plans(Wish(source, branch, platforms + modules, _pairs(refs), arches), load())
    if form == "json":
        show.plans_as_json(found)
    elif form == "modulemd":
        show.plans_as_modulemd(found)
    else:
        show.plans(found, unsatisfied)


def build_key(module: str) -> int | NSVC:
    """Read what a build is named by: its number, or its NSVC."""
    return int(module) if module.isdecimal() else NSVC.parse(module)


def ready_builds(module: str) -> BuildFilter:
    """Read `name:stream[:version[:context]]`."""
    found = _MODULE.fullmatch(module)
    if found is None:
        raise click.BadParameter(f"{module!r} is not NAME:STREAM[:VERSION[:CONTEXT]]")
    name, stream, version, context = found.groups()
    number = int(version) if version else None
    return BuildFilter(name=name, stream=stream, version=number, context=context, states=(ModuleState.READY,))


def _airflow(settings: Settings) -> AirflowClient:
    return AirflowClient(settings.api_url, login(settings.api_url, os.environ))


def _pairs(refs: tuple[str, ...]) -> dict[str, str]:
    return dict(_pair(ref, "--ref", "NAME=COMMIT") for ref in refs)


def _streams(wanted: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, stream in (_pair(word, "--buildrequire", "NAME=STREAM") for word in wanted):
        found.setdefault(name, []).append(stream)
    return found


def _pair(word: str, option: str, form: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if not (name and value):
        raise click.BadParameter(f"{word!r} is not {form}", param_hint=option)
    return name, value
