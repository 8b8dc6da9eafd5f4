"""`mbs import`, and the files of finished modules that `mbs plan` reads in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from mbs.cli.common import FILE, options_of, read_file, shows_errors
from mbs.cli.registry import registry_of
from mbs.model import quoting
from mbs.model.errors import InvalidModulemd, Problem
from mbs.model.registered import FinishedModules
from mbs.modulemd.collection import collect
from mbs.modulemd.guard import MANY_DOCUMENTS
from mbs.modulemd.registered import MISSING_ENTRIES, ImportRules
from mbs.planning.fields import IMPORT
from mbs.registry.imports import messages
from mbs.settings import Settings
from mbs.settings.sources import load

_HINT = "--koji-tag-template fills them in from its dependencies"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the command line wants files of finished modules read."""

    skip_invalid: bool = False
    koji_tag_template: str | None = None


def finished_modules(files: Iterable[Path], settings: Settings, reading: Reading) -> FinishedModules:
    """Read the modules of files, each of one or many documents; with `skip_invalid` in spite of problems.

    Raises InvalidModulemd with the problems of all files.
    """
    contents = [(str(file), read_file(file, MANY_DOCUMENTS.size)) for file in files]
    rules = ImportRules(settings.base_module_names, settings.stream_suffixes, reading.koji_tag_template)
    found = collect(contents, rules)
    if not reading.koji_tag_template:
        found = replace(found, refused=tuple(tuple(map(_with_hint, problems)) for problems in found.refused))
    if found.problems and not reading.skip_invalid:
        raise InvalidModulemd(*found.problems)
    return found


@click.command("import", epilog="\b\nExample:\n  mbs import examples/platform/platform.yaml")
@click.argument("files", nargs=-1, required=True, type=FILE)
@options_of(IMPORT)
@shows_errors
def import_files(files: tuple[Path, ...], skip_invalid: bool, koji_tag_template: str | None) -> None:
    """Register base modules or finished modules.

    Each of FILES holds one document or many (a modules.yaml). What is imported can be built against at once. Where a
    document cannot be taken, nothing is imported; with --skip-invalid the others are, and the exit status is 1.
    """
    settings = load()
    registry = registry_of(settings)
    found = finished_modules(files, settings, Reading(skip_invalid, koji_tag_template))
    done, refused = registry.import_modules(
        found.modules, base_module_names=settings.base_module_names, skip_invalid=skip_invalid
    )
    skipped = len(found.refused) + len(refused)
    tell_remarks(found.remarks)
    tell_skipped((*found.problems, *refused))
    for message in messages(done, found.filled, skipped):
        click.echo(quoting.printable(message))
    if skipped:
        raise SystemExit(1)


def tell_remarks(remarks: Iterable[str]) -> None:
    """Tell what was passed over, where it is in nobody's way."""
    for remark in remarks:
        click.echo(quoting.printable(remark), err=True)


def tell_skipped(problems: Iterable[Problem]) -> None:
    """Tell what was left out, and why."""
    for problem in problems:
        click.echo(quoting.printable(f"Skipped: {problem}"), err=True)


def _with_hint(problem: Problem) -> Problem:
    return replace(problem, message=f"{problem.message}. {_HINT}") if MISSING_ENTRIES in problem.message else problem
