"""The gate after each batch: its builds are complete, tagged, and in a repository."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseSensorOperator, Context

from mbs.planning.graph import Kind
from mbs.steps.follower import Follower
from mbs.steps.tasks import PATIENCE
from operators.tasks.base import GRACE, ModuleBuildOperator, end

POKE_INTERVAL = 5.0
"""Seconds between two looks, where the sensor runs in a process of its own."""


class RepoSensor(BaseSensorOperator, ModuleBuildOperator):
    """Tag the builds of a batch and wait for a repository that contains them.

    `batch` names the components of the gate (none for the macros' gate). The registry keeps the repository for the
    builds behind the gate.
    """

    kind = Kind.REPO
    ui_color = ModuleBuildOperator.ui_color

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trigger_rule", "none_failed")
        kwargs.setdefault("poke_interval", POKE_INTERVAL)
        kwargs.setdefault("timeout", PATIENCE[self.kind] + GRACE)
        super().__init__(**kwargs)
        self._following: Follower | None = None

    def execute(self, context: Context) -> Any:  # noqa: ANN401 # Airflow's form
        """Poke until it has passed."""
        with self.following(context) as self._following:
            return super().execute(context)

    def poke(self, context: Context) -> bool:
        """Take the gate further by what Koji shows now; tell whether it has passed.

        What it waits for stands in the log. Asked alone, it begins anew and finds what was done.
        """
        if self._following is None:
            with self.following(context) as follower:
                ended = follower.step()
        else:
            ended = self._following.step()
        if ended:
            end(context, ended[0][1])
        return bool(ended)
