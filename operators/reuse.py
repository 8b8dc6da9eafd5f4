"""The task that takes over component builds of an earlier module build."""

from __future__ import annotations

from airflow.sdk import Context

from mbs.takeover import take_over
from operators.base import ModuleBuildOperator
from operators.settings import settings


class ReuseComponentsOperator(ModuleBuildOperator):
    """Take over what the rebuild strategy allows (§15).

    The tasks of such components find them complete and end at once; gates tag them, and ask for a repository only
    when something behind them is built.
    """

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Decide about all components that nothing has happened to."""
        with self.hub() as hub:
            done = take_over(hub, self.registry, self.plan, settings().expansion)
        if done.previous is None:
            self.log.info("There is no earlier module build to take components from, or none is wanted.")
            return
        self.log.info("Taken over from %s: %s.", done.previous, ", ".join(done.reused.values()) or "nothing")
        for reason in done.refused.values():
            self.log.info("%s", reason)
