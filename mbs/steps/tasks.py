"""The tasks of module builds: what somebody takes up, how it ends, and what it may ask of its run.

Nothing here knows who runs them: an executor of Airflow holds thousands of them, a worker or a test one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from mbs.model.plan import BuildPlan
from mbs.planning.graph import Kind, Node
from mbs.planning.notes import Failure

IMPORT_PATIENCE = timedelta(hours=12)
"""For what Koji still does when all arches are built: the import of the RPMs."""

REPO_PATIENCE = timedelta(hours=2)
"""For one request for a repository: as the koji command waits."""

REQUESTS = 5
"""Requests for a repository, each of which Koji tries four times."""

_BUILD = timedelta(days=7)
"""Koji itself ends a task after a day or two; this ends the waiting for one that no builder takes."""

_STEP = timedelta(days=3)
"""For what takes seconds: longer than any hub is waited for that does not answer (setting koji_away_timeout)."""

PATIENCE: Mapping[Kind, timedelta] = {
    **dict.fromkeys(Kind, _STEP),
    Kind.BUILD_MACROS: _BUILD,
    Kind.BUILD_COMPONENT: _BUILD,
    Kind.REPO: IMPORT_PATIENCE + REQUESTS * REPO_PATIENCE,
}
"""How long a try of a task may take; a person's approval takes as long as it takes."""

FAILURE = "failure"
"""Key of what a task leaves that failed for good: a `mbs.planning.notes.Failure`, stored."""

MADE = "made"
"""Key of what the final documents leave: how many `rpms` they list by arch, and perhaps a `warning`."""

IMPORTED = "imported"
"""Key of what the import leaves: the tag for the compose, by the build in Koji."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a module build that somebody has taken up."""

    id: str
    """Of this try, and of no other; nothing reads it."""
    plan: BuildPlan = field(repr=False)
    node: Node
    round: int
    """How often a person has cleared it (Airflow: `max_tries - retries`); retries do not count."""
    started: float
    """Seconds since the epoch: when this try began, from which its patience counts."""
    run_started: float | None
    """Seconds since the epoch: when the run started last."""

    @property
    def deadline(self) -> float:
        """When its patience ends, in seconds since the epoch."""
        return self.started + PATIENCE[self.node.kind].total_seconds()


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The task has done what it is for."""

    left: Mapping[str, Any] = field(default_factory=dict)
    """What other tasks of the run, or people, read, by key: JSON."""
    announces: Mapping[str, Any] | None = None
    """Of a module that is ready: what those learn who follow its stream."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """There was nothing to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The task failed for good: no retry helps before a person has done something."""

    failure: Failure
    left: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The infrastructure failed (the registry is away, a defect): the task may be tried again."""

    reason: str


End: TypeAlias = Succeeded | Skipped | Failed | Interrupted


class Run(Protocol):
    """What tasks may ask of their runs, and tell them."""

    def log(self, task: Task, sentence: str, *, level: str = "info") -> None:
        """Write a sentence into the log of a task; `level` is one of Python's logging."""
        ...

    def failed_tasks(self, task: Task) -> list[str]:
        """Give the ids of the failed tasks of its run."""
        ...

    def left(self, task: Task, task_ids: Sequence[str], key: str) -> list[Any]:
        """Give what tasks of its run have left under a key; None for each that left nothing."""
        ...
