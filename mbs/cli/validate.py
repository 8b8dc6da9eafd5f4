"""`mbs validate`: what is wrong with a document, without a server."""

from __future__ import annotations

from pathlib import Path

import click

from mbs.cli.common import FILE, read_file, shows_errors
from mbs.planning.check import pasted
from mbs.settings.sources import load


@click.command(epilog="\b\nExample:\n  mbs validate examples/modules/greeter/greeter.yaml")
@click.argument("file", type=FILE)
@shows_errors
def validate(file: Path) -> None:
    """Check the modulemd in FILE as a submission would; tell every problem with its line."""
    settings = load()
    pasted(read_file(file, settings.max_modulemd_size), settings, module_name=file.stem)
    click.echo(f"{file} is valid.")
