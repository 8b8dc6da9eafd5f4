"""The pages of the documentation as their tests see them: blocks, what they say of where they are run, and links.

A comment in the first line of a page says where its commands are run, one before a block where this block is:
`<!-- run: PLACE -->`. Before a block there may also stand `<!-- file: NAME -->`, for a file that the commands need, or
`<!-- not run: REASON -->`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL = frozenset({"console", "sh"})
"""Languages of what a reader types: with a prompt and what is printed, or as a script."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<about>run|not run|file): (?P<argument>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_FIRST_LINE = re.compile(r"<!-- run: ([^\n]+) -->\n\n")
_MARK = "----------"


class Place(StrEnum):
    """Where commands are run."""

    ALONE = "alone"
    """In a checkout in which nothing runs."""
    DEVHUB = "with devhub"
    """In a checkout with a devhub that runs in var/devhub; the profile `koji` is its administrator's."""
    SERVER = "as devhub"
    """Each is a devhub, which is started and stopped."""
    SERVICE = "with the service"
    """In a checkout whose stack runs; the profile `koji` is that of its devhub's administrator."""
    DRY = "as make -n"
    """Make says what it would do."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    place: Place | None = None
    file: str | None = None
    """Name of the file that it is the content of."""
    reason: str | None = None
    """Why it is not run."""

    @property
    def commands(self) -> list[Command]:
        """The commands of a console block, each with what it is to print; those of a script are one."""
        if self.language == "sh":
            return [Command(self.text, None)]
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [Command(line, expected) for line, _, expected in (part.partition("\n") for part in parts)]


@dataclass(frozen=True)
class Command:
    """What is typed, with what it is to print; None for anything."""

    line: str
    expected: str | None


ADMINISTRATOR = Command(
    'koji() { command koji -c var/devhub/koji.conf -p devhub --user kojiadmin --password kojiadmin "$@"; }', ""
)
"""Koji's own command, as the administrator."""


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        """Its Markdown."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Its fenced blocks, in order."""
        first = _FIRST_LINE.match(self.text)
        usual = Place(first[1]) if first else None
        return [_block(found, usual) for found in _BLOCK.finditer(self.text)]

    def commands(self, place: Place) -> list[Command]:
        """What a reader types in one place, from the first block to the last."""
        return [command for block in self.blocks if block.place is place for command in block.commands]

    def write_files(self, directory: Path) -> None:
        """Write the files that the page shows."""
        for block in self.blocks:
            if block.file:
                (directory / block.file).write_text(block.text, encoding="utf-8")

    @property
    def python(self) -> list[str]:
        """Its examples in Python."""
        return [block.text for block in self.blocks if block.language == "python"]

    @property
    def indented(self) -> list[str]:
        """First lines of blocks that stand indented, outside fences, comments and lists."""
        prose = re.sub(r"<!--.*?-->", "", _BLOCK.sub("", self.text), flags=re.DOTALL)
        return re.findall(r"(?<=\n\n)    [^\n]+", prose)

    @property
    def links(self) -> list[str]:
        """Targets of its links and images, but for those on other hosts."""
        prose = _BLOCK.sub("", self.text)
        return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", link)]

    @property
    def anchors(self) -> set[str]:
        """What its headings are called in links, as GitHub and GitLab call them."""
        headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pages() -> list[Page]:
    """Give every page for readers."""
    found = [*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md"), *(ROOT / "examples").glob("*.md")]
    return [Page(path) for path in sorted([*found, *(ROOT / "docs").rglob("*.md")])]


def pages_with(place: Place) -> list[Page]:
    """Give the pages that have commands for a place."""
    return [page for page in pages() if page.commands(place)]


def make_checkout(directory: Path) -> Path:
    """Make a directory what a fresh checkout is to its reader."""
    for name in ("Makefile", "airflow.cfg", "examples", "pyproject.toml", "requirements.txt", "tools"):
        if not (directory / name).exists():
            (directory / name).symlink_to(ROOT / name)
    (directory / ".venv").symlink_to(sys.prefix)
    (directory / "var").mkdir(exist_ok=True)
    return directory


def environment(home: Path, **more: str) -> dict[str, str]:
    """Give what a shell knows that has activated .venv, and nothing of the shell that runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "USER": "packager", **more}


def follow(commands: Iterable[Command], directory: Path, variables: Mapping[str, str], seconds: float = 120) -> None:
    """Type commands into one shell; fail at the first that does not end with status 0, or prints something else."""
    steps = list(commands)
    script = "".join(f"{step.line}\necho {_MARK}{number}\n" for number, step in enumerate(steps))
    done = subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=directory,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    rest = done.stdout
    for number, step in enumerate(steps):
        printed, mark, rest = rest.partition(f"{_MARK}{number}\n")
        assert mark, f"$ {step.line}\n{printed}status {done.returncode}"
        assert step.expected is None or matches(step.expected, printed), f"$ {step.line}\n{printed}"


def matches(expected: str, printed: str) -> bool:
    """Compare as doctest does: `...` stands for any text, blank ends of lines and of blocks do not count."""
    plain = "\n".join(line.rstrip() for line in printed.splitlines())
    pattern = ".*".join(re.escape(part) for part in expected.strip("\n").split("..."))
    return re.fullmatch(pattern, plain.strip("\n"), re.DOTALL) is not None


def _block(found: re.Match[str], usual: Place | None) -> Block:
    language, about, argument = found["language"], found["about"], found["argument"]
    if about == "file":
        return Block(language, found["text"], file=argument)
    if about == "not run":
        return Block(language, found["text"], reason=argument)
    place = Place(argument) if about else usual if language in SHELL else None
    return Block(language, found["text"], place=place)
