"""The tasks of the periodic care of Koji and the registry."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from mbs.planning.ids import dag_id
from mbs.registry.rows import ModuleBuildRow
from mbs.steps.upkeep import Upkeep
from operators.hooks import KOJI, REGISTRY, KojiHook, registry, settings

DRY_RUN = "dry_run"
"""Param of the DAG: say what would be done, and do nothing."""

_ACTIVE = ["queued", "running"]


class UpkeepOperator(BaseOperator):
    """Take one step of `mbs.steps.upkeep.Upkeep`; gives the sentences about what was done."""

    def __init__(self, *, koji_conn_id: str = KOJI, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.koji_conn_id = koji_conn_id
        self.registry_conn_id = registry_conn_id

    def execute(self, context: Context) -> list[str]:
        """Take the step and tell of it."""
        dry_run = bool(context["params"].get(DRY_RUN))
        with KojiHook(self.koji_conn_id).get_conn() as hub:
            done = self.step(Upkeep(hub, registry(self.registry_conn_id), settings(), dry_run=dry_run), context)
        for sentence in done:
            self.log.info("%s%s", "Dry run: " if dry_run else "", sentence)
        self.log.info("%s: %s.", "It would be" if dry_run else "Done", f"{len(done)} in all" if done else "nothing")
        return done

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:
        """Take the step."""
        raise NotImplementedError


class DeleteOldTargetsOperator(UpkeepOperator):
    """Delete the Koji targets of builds that are over."""

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:  # noqa: ARG002 # others need it
        """Take the step."""
        return upkeep.delete_old_targets()


class CollectFailedBuildsOperator(UpkeepOperator):
    """Untag the builds of modules that failed long ago, and make these garbage."""

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:  # noqa: ARG002 # others need it
        """Take the step."""
        return upkeep.collect_failed_builds()


class CancelStuckBuildsOperator(UpkeepOperator):
    """Cancel module builds that nothing has happened to for long."""

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:  # noqa: ARG002 # others need it
        """Take the step."""
        return upkeep.cancel_stuck_builds()


class RestartLostBuildsOperator(UpkeepOperator):
    """Give module builds another run whose own was deleted, or ended without a word."""

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:
        """Take the step."""

        def has_run(build: ModuleBuildRow) -> bool:
            return context["ti"].get_dr_count(dag_id=dag_id(build.nsvc), states=_ACTIVE) > 0

        return upkeep.restart_lost_builds(has_run)


class SettleComponentsOperator(UpkeepOperator):
    """Record what became in Koji of components whose module build has ended."""

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:  # noqa: ARG002 # others need it
        """Take the step."""
        return upkeep.settle_components()
