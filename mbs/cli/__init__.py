"""The command line `mbs`."""

from __future__ import annotations

import importlib
from typing import NamedTuple, cast

import click

__all__ = ["main"]


class Place(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    module: str
    name: str
    help: str


COMMANDS = {
    "cancel": Place("mbs.cli.submit", "cancel", "Cancel module builds."),
    "db": Place("mbs.cli.registry", "db", "Care for the registry's database."),
    "doctor": Place(
        "mbs.cli.doctor.command", "doctor", "Look at hub, registry, Airflow and sources; tell what is wrong."
    ),
    "import": Place("mbs.cli.imports", "import_files", "Register base modules or finished modules."),
    "list": Place("mbs.cli.builds", "list_builds", "List module builds, the newest first."),
    "plan": Place("mbs.cli.plan", "plan", "Show what would be built, in what order and against what."),
    "pools": Place("mbs.cli.airflow", "pools", "Create the pool of Airflow that bounds the builds in Koji."),
    "serve": Place("mbs.cli.serve", "serve", "Serve the REST API without Airflow."),
    "retire": Place("mbs.cli.builds", "retire", "Retire the ready builds of MODULE."),
    "show": Place("mbs.cli.builds", "show_build", "Show a module build: its state, its components."),
    "submit": Place("mbs.cli.submit", "submit", "Submit a module to be built."),
    "validate": Place("mbs.cli.validate", "validate", "Check the modulemd in FILE as a submission would."),
    "watch": Place("mbs.cli.builds", "watch_builds", "Watch module builds until they have ended."),
}
"""A command is imported when it is used: libmodulemd, SQLAlchemy and requests take longer than most commands."""


class LazyGroup(click.Group):
    """A group of the commands in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's form
        """Give the names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 # click's form
        """Import a command; None where there is none of the name."""
        place = COMMANDS.get(cmd_name)
        return cast("click.Command", getattr(importlib.import_module(place.module), place.name)) if place else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's form
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="airflow-module-build-service", message="%(prog)s %(version)s")
def main() -> None:
    """Plan, submit, register and look at module builds."""
