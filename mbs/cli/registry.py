"""The registry that commands ask, how they are told which of its builds are meant, and `mbs db`, which cares for it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from mbs.cli.common import shows_errors
from mbs.cli.shown import Build, Change, Component, Wanted, Whole
from mbs.model.errors import InvalidRequest, RegistryUnavailable
from mbs.model.nsvc import NSVC, NSVCPattern
from mbs.registry import BuildFilter, ComponentRow, ModuleBuildRow, ModuleState, Page, Registry, engine_for
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


class RegistryBuilds:
    """Module builds as the registry has them: a `mbs.cli.shown.Builds` for administrators."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def number(self, key: int | NSVC) -> int:
        """Give the number of a build that exists."""
        return self._registry.builds.get(key).id

    def whole(self, build_id: int) -> Whole:
        """Give a build with its components and its changes, of one moment."""
        with self._registry.transaction() as work:
            build, components = _build(work.builds.get(build_id)), tuple(map(_component, work.components.of(build_id)))
            trace = work.builds.trace(build_id)
        changes = tuple(
            Change(one.time, ModuleState(one.state), one.by, one.reason) for one in trace if one.state is not None
        )
        return Whole(build, components, changes)

    def progress(self, ids: Collection[int]) -> list[tuple[Build, tuple[Component, ...]]]:
        """Give builds with their components, of one moment."""
        with self._registry.transaction() as work:
            return [
                (_build(work.builds.get(build_id)), tuple(map(_component, work.components.of(build_id))))
                for build_id in ids
            ]

    def find(self, wanted: Wanted, limit: int) -> tuple[list[Build], int]:
        """Give the newest builds, and how many there are."""
        asked = BuildFilter(name=wanted.name, stream=wanted.stream, owner=wanted.owner, states=wanted.states)
        found = self._registry.builds.find(asked, Page(size=limit))
        return [_build(row) for row in found.items], found.total

    def document(self, build_id: int) -> str:
        """Give the stored document of a build."""
        return self._registry.documents.modulemd(build_id)


def _build(row: ModuleBuildRow) -> Build:
    return Build(
        id=row.id,
        nsvc=row.nsvc,
        state=row.state,
        reason=row.state_reason,
        owner=row.owner,
        submitted=row.time_submitted,
        scratch=row.scratch,
        source=row.scmurl,
        koji_tag=row.koji_tag,
        arches=row.arches,
    )


def _component(row: ComponentRow) -> Component:
    return Component(row.name, row.batch, row.state, row.reason, row.nvr, row.task_id)


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
