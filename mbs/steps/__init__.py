"""What needs the hub and the registry at once, step by step; what operators, pages and command line call.

A step is a function of a hub, a registry, and what it is about. It may be killed at any line and taken again: it finds
what an earlier try has done. It tells a `Log` what it does, raises MbsError where it cannot go on, and gives what comes
next: nothing (`Done`), or something of Koji that whoever takes the step has to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Log: TypeAlias = Callable[[str], None]
"""Takes a sentence for people about what is done just now."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do."""

    repo_id: int | None = None
    """Of a gate: the repository that contains its builds; None where none is needed."""


@dataclass(frozen=True, slots=True)
class AwaitImport:
    """Build tasks whose arches are all built and whose RPMs Koji still imports; take the step again when they ended."""

    task_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AwaitRepo:
    """A repository request to wait for, until its repository contains everything up to an event of the hub."""

    request_id: int
    event: int


@dataclass(frozen=True, slots=True)
class AwaitRepoTask:
    """A newRepo task to wait for (before Koji 1.35); take the step again when it ended."""

    task_id: int
