"""Runs the examples of the pages that say so in their first line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [
    page for page in sorted(DOCS.rglob("*.md")) if page.read_text().startswith("<!-- Every block of this page is run")
]
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>[\w.-]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Command:
    """A command of a console block with what it is to print."""

    line: str
    expected: str


def commands(block: str) -> list[Command]:
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [Command(line, expected) for line, _, expected in (part.partition("\n") for part in parts)]


def run(command: Command, directory: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(directory), "LANG": "C.UTF-8", "USER": "packager"}
    done = subprocess.run(
        ["/bin/sh", "-c", command.line], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def matches(expected: str, printed: str) -> bool:
    """Compare as doctest does: `...` stands for any text, blank ends of blocks do not count."""
    pattern = ".*".join(re.escape(part) for part in expected.strip("\n").split("..."))
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_examples_of_a_page_hold(page: Path, tmp_path: Path) -> None:
    namespace: dict[str, object] = {"__name__": "example"}
    for block in BLOCK.finditer(page.read_text()):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"])
        elif block["language"] == "console":
            for command in commands(block["text"]):
                printed = run(command, tmp_path)
                assert matches(command.expected, printed), f"$ {command.line}\n{printed}"
        elif block["language"] == "python":
            exec(compile(block["text"], str(page), "exec"), namespace)  # noqa: S102 - the page is ours
        else:
            pytest.fail(f"{page.name}: a block of {block['language']} is neither a file nor an example")


def test_there_are_pages_with_examples() -> None:
    assert DOCS / "concepts.md" in PAGES


def test_every_section_that_the_code_cites_is_on_the_page_of_what_mbs_does() -> None:
    page = (DOCS / "reference" / "mbs-behaviour.md").read_text()
    sections = set(re.findall(r"^#+ §([\d.]+) ", page, re.MULTILINE))
    cited = {
        (number, str(path.relative_to(DOCS.parent)))
        for folder in ("mbs", "operators", "dags", "devhub", "tests", "docs/decisions")
        for path in (DOCS.parent / folder).rglob("*.[pm][yd]")
        for number in re.findall(r"§(\d+(?:\.\d+)*)", path.read_text())
    }
    assert len(cited) > 50
    assert {(number, path) for number, path in cited if number not in sections} == set()
