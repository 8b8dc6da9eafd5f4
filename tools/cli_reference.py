"""The page of the command line, made from what click knows of its commands: usage, help, options, example."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from mbs.cli import main

_HEAD = """\
<!-- run: with the service -->

# Command line

A command ends with status 0, with 1 where something is refused, failed or wrong (one line for each problem), and with 2
for wrong usage. `-h` and `--help` explain it in the terminal. Settings come from `airflow.cfg` and the environment
([settings](settings.md)); `MBS_API_URL` names the server, and is all
that a packager needs; `MBS_DATABASE_URL` names the registry, for administrators.
This page is generated from `mbs/cli` by `python -m tools.reference`.

| Command | Purpose |
|---|---|
"""


def page() -> str:
    """Write the page."""
    found = list(_commands(main, click.Context(main, info_name="mbs")))
    rows = [f"| [`{_name(ctx)}`](#{_name(ctx).replace(' ', '-')}) | {_cell(_first(ctx))} |" for ctx in found]
    return _HEAD + "\n".join(rows) + "\n" + "".join(map(_section, found))


def _commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    """Give every command that is no group, in the order of their names, each in its context."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None  # noqa: S101 - the group listed it
        ctx = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from _commands(command, ctx)
        else:
            yield ctx


def _section(ctx: click.Context) -> str:
    parts = [f"## {_name(ctx)}", _usage(ctx), inspect.cleandoc(ctx.command.help or ""), _options(ctx)]
    return "".join(f"\n{part}\n" for part in [*parts, _example(ctx)] if part)


def _usage(ctx: click.Context) -> str:
    return f"```text\n{_name(ctx)} {' '.join(ctx.command.collect_usage_pieces(ctx))}\n```"


def _options(ctx: click.Context) -> str:
    """Write a table of the options, as click's own help has them."""
    records = [option.get_help_record(ctx) for option in ctx.command.params if isinstance(option, click.Option)]
    rows = [f"| `{_cell(record[0])}` | {_cell(record[1])} |" for record in records if record]
    return "\n".join(["| Option | Meaning |", "|---|---|", *rows]) if rows else ""


def _example(ctx: click.Context) -> str:
    """Write the commands that the help has below its options, as an example."""
    lines = inspect.cleandoc(ctx.command.epilog or "").splitlines()
    commands = "\n".join(line.strip() for line in lines if line.strip().startswith("mbs "))
    return f"```sh\n{commands}\n```" if commands else ""


def _name(ctx: click.Context) -> str:
    return ctx.command_path


def _first(ctx: click.Context) -> str:
    """Give the first sentence of a command's help."""
    return inspect.cleandoc(ctx.command.help or "").partition("\n\n")[0].replace("\n", " ")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
