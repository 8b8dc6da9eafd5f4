"""Runs what docs/devhub.md tells its reader to type, in one shell, against the hub that its first block starts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_docs import BLOCK, Command, commands, matches

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "devhub.md").read_text()
BLOCKS = [commands(block["text"]) for block in BLOCK.finditer(PAGE) if block["language"] == "console"]
MARK = "----------"
pytestmark = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="the page builds a package")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory where devhub serves, started as the page says but on a free port."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    ((start,), *_) = BLOCKS
    command = [sys.executable, "-m", "devhub.cli", *shlex.split(start.line)[1:], "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.readline() + process.stdout.readline()
        try:
            assert matches(start.expected, printed.strip()), printed
            yield tmp_path
        finally:
            process.terminate()


def run(steps: list[Command], place: Path) -> list[str]:
    """Run commands in one shell and give what each printed."""
    script = "\n".join(f"{step.line} || exit 1\necho {MARK}" for step in steps)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(place), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(f"{MARK}\n")


def test_what_the_page_shows_is_what_happens(place: Path) -> None:
    steps = [step for block in BLOCKS[1:] for step in block]
    for step, printed in zip(steps, run(steps, place), strict=False):
        plain = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
        assert matches(step.expected, plain), f"$ {step.line}\n{printed}"
