"""When a failed Koji build may be replaced by a new one: only when a person asked for it.

A component has a task per arch, and they come at different times: one may start when the build has already failed.
Such a late one must fail too, and not start a build that nobody asked for. A task that a person cleared must start
one. Airflow tells neither apart by itself, so every task remembers which Koji task it followed, and in which round:
a round is what lies between two clears (retries by Airflow, after a lost worker, stay in their round).

A failed build may be replaced by a task that

- followed it in an earlier round: it reported that failure, or was stopped while waiting, and was cleared since; or
- belongs to a run that was started, or started again, after the build had ended: whatever runs now was asked for
  again. This holds for tasks that never came to run before, and for a resumed module build. The hub's clock is
  compared with Airflow's; where they are apart by more than the time between the failure and the restart, a person
  has to clear once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mbs.koji.tasks import TaskInfo

Memory: TypeAlias = dict[str, int]
"""Koji task id (as text, for JSON) to the first round in which a task followed it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a task of Airflow knows of itself."""

    round: int
    """`max_tries - retries`: Airflow raises it at every clear and at nothing else."""
    run_started: float | None
    """Seconds since the epoch: when the run started last."""
    memory: Memory

    @property
    def is_again(self) -> bool:
        """Tell whether a person cleared the task: siblings that were not cleared do not follow its new build."""
        return self.round > 0

    def may_replace(self, build: TaskInfo) -> bool:
        """Tell whether a new build may be submitted in place of one that failed or was canceled."""
        followed_in = self.memory.get(str(build.id))
        if followed_in is not None:
            return followed_in < self.round
        ended = build.completion_ts
        return ended is not None and self.run_started is not None and ended < self.run_started

    def remember(self, task_id: int) -> Memory:
        """Give the memory with a Koji task that is followed now."""
        return {**self.memory, str(task_id): self.memory.get(str(task_id), self.round)}
