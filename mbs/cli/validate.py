"""`mbs validate`: what is wrong with a document, without a server."""

from __future__ import annotations

from pathlib import Path

import click

from mbs.cli.common import FILE, read_file, told
from mbs.modulemd.guard import Limits
from mbs.modulemd.validation import validate as check
from mbs.settings_sources import load


@click.command()
@click.argument("file", type=FILE)
@told
def validate(file: Path) -> None:
    """Check the modulemd in FILE as a submission would; tell every problem with its line."""
    settings = load()
    limits = Limits(size=settings.max_modulemd_size)
    check(read_file(file, limits.size), settings.rules, name=file.stem, limits=limits)
    click.echo(f"{file} is valid.")
