"""The command `mbs` itself: its list of commands, and what it costs to start one."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from mbs.cli import COMMANDS, main
from tests.conftest import ROOT

HEAVY = ("sqlalchemy", "alembic", "requests", "koji", "gi", "rich", "solv", "airflow")
"""Libraries that take longer to import than most commands take."""
EXAMPLE = str(ROOT / "examples" / "modules" / "greeter" / "greeter.yaml")


def imported(*words: str) -> set[str]:
    """Run a command and give which of the heavy libraries it imported."""
    code = f"""
import sys
from mbs.cli import main
try:
    main({words!r})
except SystemExit as end:
    assert not end.code, end.code
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(HEAVY) & set(done.stdout.split("\n")[-2].split())


def test_the_help_imports_no_command() -> None:
    assert imported("--help") == set()


def test_validating_imports_what_reads_a_document_alone() -> None:
    assert imported("validate", EXAMPLE) <= {"gi"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_what_its_own_help_begins_with(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").replace("\n", " ").startswith(COMMANDS[name].help.removesuffix("."))
