"""What the commands share: the files and pairs that they are given, and how a refusal is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from os import PathLike
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import click

from mbs.model import quoting
from mbs.model.errors import InvalidRequest, MbsError, Refused
from mbs.modulemd.rules import scm_stream
from mbs.planning.fields import Field, Kind
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
            for problem in refused.lines:
                click.echo(problem, err=True)
        except MbsError as error:
            click.echo(quoting.printable(str(error)), err=True)
        raise SystemExit(1)

    return run


def options_of(fields: Iterable[Field], *names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Give a command the options of fields, or of those that are named, in their order, as parameters of these names.

    What holds streams or refs by name is repeated, and comes as a dict.
    """
    wanted = [one for one in fields if one.option and (not names or one.name in names)]

    def decorate(command: Callable[P, T]) -> Callable[P, T]:
        for one in reversed(wanted):
            command = _option(one)(command)
        return command

    return decorate


def _option(one: Field) -> Callable[[Callable[P, T]], Callable[P, T]]:
    name, _, metavar = one.option.partition(" ")
    said = [one.text.replace("`", ""), one.remark, "Repeatable" if one.kind in _BY_NAME else ""]
    return click.option(
        name,
        one.name,
        metavar=metavar or None,
        help=" ".join(f"{sentence}." for sentence in said if sentence),
        is_flag=one.kind is Kind.FLAG,
        type=click.Choice(one.choices) if one.choices else None,
        multiple=one.kind in _BY_NAME,
        callback=partial(_BY_NAME[one.kind], metavar) if one.kind in _BY_NAME else None,
    )


def _refs(form: str, _: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    return dict(_pair(word, form) for word in words)


def _streams(form: str, _: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, stream in (_pair(word, form) for word in words):
        found.setdefault(name, []).append(stream)
    return found


def _pair(word: str, form: str) -> tuple[str, str]:
    """Read `NAME=VALUE`; raise click.BadParameter where it is not."""
    name, _, value = word.partition("=")
    if not (name and value):
        msg = f"{word!r} is not {form}"
        raise click.BadParameter(msg)
    return name, value


_BY_NAME: Mapping[Kind, Callable[..., object]] = {Kind.REFS: _refs, Kind.STREAMS: _streams}


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
