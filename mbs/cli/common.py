"""What the subcommands share: the files they read, the registry they ask, and how a refusal is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import click

from mbs.errors import InvalidRequest, MbsError, Refused
from mbs.registry import Registry, engine_for
from mbs.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class FileOrUrl(click.Path):
    """A file that exists, as a Path, or an SCM URL, as text."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, readable=True, path_type=Path)

    def convert(
        self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Leave a URL as it is."""
        if isinstance(value, str) and re.match(r"[a-z+]+://", value):
            return value
        return cast("Path", super().convert(value, param, ctx))


def read_file(path: Path, limit: int) -> bytes:
    """Read a file, of one that is too large `limit` + 1 bytes, which the reader's guard refuses."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise InvalidRequest(msg) from error


def told(command: Callable[P, T]) -> Callable[P, T]:
    """Tell errors of ours as lines for people, without a traceback, and end with status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except Refused as refused:
            for problem in refused.problems:
                click.echo(printable(str(problem)), err=True)
        except MbsError as error:
            click.echo(printable(str(error)), err=True)
        raise SystemExit(1)

    return run


def printable(text: str) -> str:
    """Write out what a terminal would take for a command; a refusal quotes git servers and hubs."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def registry_of(settings: Settings) -> Registry:
    """Connect to the registry; without an address the user is told where to put one."""
    if not settings.database_url:
        msg = (
            "There is no registry to ask. Set MBS_DATABASE_URL, or database_url in section [mbs] of airflow.cfg, to "
            "the URL of its PostgreSQL database."
        )
        raise click.UsageError(msg)
    return Registry(engine_for(settings.database_url))
