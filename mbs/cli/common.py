"""What the commands share: the files and pairs that they are given, and how a refusal is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import click

from mbs.model import quoting
from mbs.model.errors import InvalidRequest, MbsError, Refused
from mbs.modulemd.rules import scm_stream
from mbs.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


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


def shows_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Tell errors of ours as lines for people, without a traceback, and end with status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except Refused as refused:
            for problem in quoting.problem_lines(refused.problems):
                click.echo(problem, err=True)
        except MbsError as error:
            click.echo(quoting.printable(str(error)), err=True)
        raise SystemExit(1)

    return run


def pair(word: str, option: str, form: str) -> tuple[str, str]:
    """Read what an option was given, `NAME=VALUE`; raise click.BadParameter where it is not."""
    name, _, value = word.partition("=")
    if not (name and value):
        raise click.BadParameter(f"{word!r} is not {form}", param_hint=option)
    return name, value


def refs_of(words: Iterable[str]) -> dict[str, str]:
    """Read what `--ref` was given: a commit by component."""
    return dict(pair(word, "--ref", "NAME=COMMIT") for word in words)


def source_fields(source: Path | str, branch: str | None, settings: Settings) -> dict[str, object]:
    """Give the fields that name what is built: the commit of a URL, or the document in a file."""
    if isinstance(source, str):
        return {"scmurl": source, "branch": branch or settings.default_branch}
    return {
        "modulemd": _text(source, settings.max_modulemd_size),
        "module_name": source.stem,
        "module_stream": scm_stream(branch, settings.rules) if branch else None,
        "branch": branch,
    }


def _text(file: Path, limit: int) -> str:
    """Read a document as JSON can carry it."""
    content = read_file(file, limit)
    if not content:
        raise InvalidRequest(f"{file} was empty; a modulemd is expected.")
    if len(content) > limit:
        raise InvalidRequest(f"{file} is larger than the {limit} bytes that a modulemd may have.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is no text in UTF-8: byte {error.start} is not.") from None
