"""Run the measurements, print a table, and keep the results with their date in docs/benchmarks.md.

python -m tools.bench [NAME ...] [--write]
"""

from __future__ import annotations

import datetime as dt
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import tools.bench
from tools.bench.figures import Figure
from tools.stack.environment import forget_services
from tools.stack.layout import checkout

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
SUPPORT = {"__main__", "api_data", "api_mbs", "api_server", "documents", "figures", "service"}
BY_HAND = {"distribution"}
"""What takes hours."""


def available() -> list[str]:
    """Give the names of the measurements, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(tools.bench.__path__) if m.name not in SUPPORT | BY_HAND)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--write", is_flag=True, help="Write what was measured into docs/benchmarks.md.")
def main(names: Sequence[str], write: bool) -> None:
    """Run the measurements NAMES (default: all)."""
    chosen = list(names) or available()
    unknown = sorted(set(chosen) - set(available()))
    if unknown:
        raise click.UsageError(f"no measurement {', '.join(unknown)}; there are {', '.join(available())}")
    results = {name: measure(name) for name in chosen}
    for name, figures in results.items():
        Console().print(_table(name, figures))
    if write:
        PAGE.write_text(page(PAGE.read_text(), results))
    sys.exit(any(figure.held is False for figures in results.values() for figure in figures))


def measure(name: str) -> list[Figure]:
    """Run one measurement."""
    return list(importlib.import_module(f"tools.bench.{name}").run())


def page(text: str, results: dict[str, list[Figure]]) -> str:
    """Put results into the text of the page: in the place of those of the same measurement, or at its end."""
    head, *sections = text.split("\n## ")
    kept = {section.partition("\n")[0]: section for section in sections}
    kept |= {name: _section(name, figures) for name, figures in results.items()}
    return "\n## ".join([head, *kept.values()])


def _section(name: str, figures: list[Figure]) -> str:
    doc = (importlib.import_module(f"tools.bench.{name}").__doc__ or name).strip().splitlines()[0]
    rows = "".join("| " + " | ".join(figure.cells()) + " |\n" for figure in figures)
    measured = f"Measured on {dt.datetime.now(dt.UTC):%Y-%m-%d}."
    return f"{name}\n\n{doc}\n{measured}\n\n| What | Value | Ratio | Target |\n|---|---|---|---|\n{rows}"


def _table(name: str, figures: list[Figure]) -> Table:
    table = Table("What", "Value", "Ratio", "Target", title=name, title_justify="left")
    for figure in figures:
        table.add_row(*figure.cells())
    return table


if __name__ == "__main__":
    forget_services(os.environ, checkout())
    main()
