"""Starting the command line: what is waited for before a command does anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tools.bench.figures import Figure, seconds

ROOT = Path(__file__).parents[2]
MBS = (str(Path(sys.executable).parent / "mbs"),)
EXAMPLE = str(ROOT / "examples" / "modules" / "greeter" / "greeter.yaml")


def run() -> Iterator[Figure]:
    """Measure the help, a document that is checked, and a list of the registry's that is only imported."""
    python = _seconds(sys.executable, "-c", "pass")
    yield _figure("mbs --help", _seconds(*MBS, "--help"), python, limit=0.35)
    yield _figure("mbs validate greeter.yaml", _seconds(*MBS, "validate", EXAMPLE), python, limit=0.6)
    yield _figure("mbs list --help", _seconds(*MBS, "list", "--help"), python)


def _seconds(*command: str) -> float:
    return seconds(partial(subprocess.run, command, check=True, capture_output=True, cwd=ROOT), repeat=5)


def _figure(name: str, value: float, python: float, limit: float | None = None) -> Figure:
    target, held = (f"< {limit:g} s", value < limit) if limit else (None, None)
    return Figure(name, value, "s", value / python, "python -c pass", target, held)
