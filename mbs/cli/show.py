"""Module builds and plans as tables for a terminal; text from documents is never taken for markup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mbs.cli.shown import Build, Whole
from mbs.expansion.result import Unsatisfied
from mbs.model.plan import BuildPlan, PlannedComponent, to_json
from mbs.model.quoting import printable

_TIME = "%Y-%m-%d %H:%M:%S"


def plans(found: Sequence[BuildPlan], unsatisfied: Sequence[Unsatisfied]) -> None:
    """Show what would be built: one block per context."""
    console = _console()
    for plan in found:
        _plan(console, plan)
    for one in unsatisfied:
        console.print(Text(f"Not built: {one}", style="yellow"))
    count = len(found)
    console.print(f"[bold]{count} module build{'s' if count != 1 else ''}[/bold]")


def plans_as_json(found: Iterable[BuildPlan]) -> None:
    """Print the plans, one line each."""
    for plan in found:
        click.echo(to_json(plan))


def plans_as_modulemd(found: Iterable[BuildPlan]) -> None:
    """Print the documents of the builds, as they are imported."""
    for plan in found:
        document(plan.modulemd, plan.koji_tag)


def document(modulemd: str, koji_tag: str | None) -> None:
    """Print the document of a build, as it is imported."""
    from mbs.modulemd.registered import importable  # noqa: PLC0415 - libmodulemd is not needed to show anything else

    click.echo(importable(modulemd, koji_tag), nl=False)


def build(whole: Whole) -> None:
    """Show one module build."""
    console, row = _console(), whole.build
    console.print(Text(str(row.nsvc), style="bold"), Text(f"  #{row.id}  {row.state.label}"))
    facts = {"reason": row.reason, "owner": row.owner, "source": row.source, "tag": row.koji_tag}
    console.print(_pairs({**facts, "arches": ", ".join(row.arches)}))
    table = _table("Batch", "Component", "State", "NVR", "Task", "Reason")
    for component in whole.components:
        state = component.state.label if component.state is not None else "waiting"
        task = str(component.task_id or "")
        _row(table, str(component.batch), component.name, state, component.nvr, task, component.reason)
    if table.row_count:
        console.print(table)
    history = _table("Time (UTC)", "State", "By", "Reason")
    for change in whole.trace:
        _row(history, f"{change.time:{_TIME}}", change.state.label, change.by, change.reason)
    console.print(history)


def listing(rows: Iterable[Build], total: int) -> None:
    """Show a list of module builds."""
    table = _table("Id", "Module build", "State", "Owner", "Submitted (UTC)", "Reason")
    for row in rows:
        submitted = f"{row.submitted:{_TIME}}"
        _row(table, str(row.id), str(row.nsvc), row.state.label, row.owner, submitted, first_line(row.reason))
    if not table.row_count:
        click.echo("There are no such module builds.")
        return
    console = _console()
    console.print(table)
    console.print(f"{table.row_count} of {total}")


def first_line(reason: str | None) -> str:
    """Shorten a reason for a list: below its first line stand the lines of a log, or more failures."""
    first, _, more = (reason or "").partition("\n")
    return f"{first} ..." if more else first


def _plan(console: Console, plan: BuildPlan) -> None:
    console.print(Text(str(plan.nsvc), style="bold green"))
    against = ", ".join(str(one.nsvc) for one in plan.dependencies)
    tags = ", ".join(f"{one.koji_tag} ({one.priority})" for one in plan.dependencies if one.koji_tag)
    console.print(
        _pairs(
            {
                "built against": against,
                "buildroot": tags,
                "for": ", ".join(plan.arches),
                "tag": plan.koji_tag,
                "release": f"1.{plan.dist}",
            }
        )
    )
    columns = [name for name, used in _OPTIONAL.items() if any(used(one, plan) for one in plan.components)]
    table = _table("Batch", "Component", "Commit", *columns)
    for batch, components in groupby(plan.components, key=lambda one: one.batch):
        for place, component in enumerate(components):
            facts = {"Arches": ", ".join(component.arches), "After": ", ".join(component.after)}
            name = f"{component.name}{' (build only)' if component.buildonly else ''}"
            cells = (facts[column] for column in columns)
            _row(table, str(batch) if place == 0 else "", name, (component.ref or component.source)[:12], *cells)
    if table.row_count:
        console.print(table)
    else:
        console.print("  no components")
    console.print()


_OPTIONAL: Mapping[str, Callable[[PlannedComponent, BuildPlan], bool]] = {
    "Arches": lambda component, plan: component.arches != plan.arches,
    "After": lambda component, _: bool(component.after),
}
"""Columns that are shown where a component has something to say in them."""


def _console() -> Console:
    """Write to what is standard output now; a pipe gets wide lines that are not cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _pairs(facts: dict[str, str | None]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if value:
            table.add_row(Text(f"  {name}", style="dim"), Text(printable(value), overflow="fold"))
    return table


def _row(table: Table, *cells: str | None) -> None:
    table.add_row(*(Text(printable(cell or ""), overflow="fold") for cell in cells))
