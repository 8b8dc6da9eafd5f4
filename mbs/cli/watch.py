"""Watching module builds in the terminal until they have ended, wherever they are known from."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mbs.cli.shown import Build, Builds, Component
from mbs.model.quoting import plain, printable
from mbs.model.states import ComponentState, ModuleState

INTERVAL = 2.0
"""Seconds between two looks."""

_STYLES = {ModuleState.READY: "bold green", ModuleState.FAILED: "bold red"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A module build and its components, at one moment."""

    build: Build
    components: tuple[Component, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        over = {ModuleState.READY, ModuleState.FAILED, ModuleState.GARBAGE}
        return self.build.state in over or (self.build.scratch and self.build.state is ModuleState.DONE)

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.ended and self.build.state in {ModuleState.READY, ModuleState.DONE}


def watch(builds: Builds, ids: Sequence[int], *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Show the builds until all have ended; a pipe gets one line per change. Tells whether all succeeded.

    Loops of our own: every look is shown, where a library of retries gives the last one.
    """
    console = Console(highlight=False)
    show = _live if console.is_terminal else _lines
    return all(snapshot.succeeded for snapshot in show(builds, ids, sleep))


def _see(builds: Builds, ids: Sequence[int]) -> list[Snapshot]:
    return [Snapshot(build, components) for build, components in builds.progress(ids)]


def _live(builds: Builds, ids: Sequence[int], sleep: Callable[[float], None]) -> list[Snapshot]:
    snapshots = _see(builds, ids)
    with Live(_drawn(snapshots), auto_refresh=False) as live:
        while not all(snapshot.ended for snapshot in snapshots):
            sleep(INTERVAL)
            snapshots = _see(builds, ids)
            live.update(_drawn(snapshots), refresh=True)
    return snapshots


def _lines(builds: Builds, ids: Sequence[int], sleep: Callable[[float], None]) -> list[Snapshot]:
    told: set[str] = set()
    while True:
        snapshots = _see(builds, ids)
        for line in (line for snapshot in snapshots for line in lines(snapshot)):
            if line not in told:
                told.add(line)
                click.echo(line)
        if all(snapshot.ended for snapshot in snapshots):
            return snapshots
        sleep(INTERVAL)


def lines(snapshot: Snapshot) -> list[str]:
    """Say what is known of a build, one line per fact."""
    build = snapshot.build
    known = (row for row in snapshot.components if row.state is not None)
    said = [f"{build.nsvc} {row.name} {_state(row)} {plain(_detail(row))}".rstrip() for row in known]
    reason = f": {plain(build.reason)}" if build.reason else ""
    return [*said, f"{build.nsvc} is {build.state.label}{reason}"]


def _drawn(snapshots: Iterable[Snapshot]) -> Group:
    return Group(*(part for snapshot in snapshots for part in (_head(snapshot), _table(snapshot.components), Text())))


def _head(snapshot: Snapshot) -> Text:
    build = snapshot.build
    counts = Counter(_state(row) for row in snapshot.components)
    text = Text(str(build.nsvc), style="bold")
    text.append(f"  {build.state.label}", style=_STYLES.get(build.state, "yellow"))
    text.append(f"  {', '.join(f'{count} {state.lower()}' for state, count in sorted(counts.items()))}", style="dim")
    return text.append(f"\n{printable(build.reason)}") if build.reason else text


def _table(components: Iterable[Component]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    for batch, rows in groupby(components, key=lambda row: row.batch):
        for place, row in enumerate(rows):
            cells = (f"batch {batch}" if place == 0 else "", row.name, _state(row), _detail(row))
            table.add_row(*(Text(printable(cell), overflow="fold") for cell in cells))
    return table


def _state(row: Component) -> str:
    return row.state.label if row.state is not None else "waiting"


def _detail(row: Component) -> str:
    """Give the result of what is complete, the reason of what failed, the Koji task of what is built."""
    if row.state is ComponentState.COMPLETE:
        return f"{row.nvr or ''}{f' ({row.reason})' if row.reason else ''}"
    task = f"Koji task {row.task_id}" if row.task_id is not None else ""
    return row.reason or task
