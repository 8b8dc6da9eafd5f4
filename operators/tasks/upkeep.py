"""The tasks that no person asks for: the periodic care of Koji and the registry, and modules built again."""

from __future__ import annotations

from itertools import islice
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from mbs.model.errors import Infrastructure, MbsError, Refused
from mbs.model.nsvc import NSVC
from mbs.planning.ids import dag_id
from mbs.steps.submit import Behind, behind, rebuild
from mbs.steps.upkeep import Upkeep
from operators.hooks import KOJI, READY_MODULES, REGISTRY, KojiHook, registry, settings

DRY_RUN = "dry_run"
"""Param of the DAG: say what would be done, and do nothing."""

AT_ONCE = 10
"""Modules that one run submits; the others follow with the next event, for they are still behind."""

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

        def has_run(nsvc: NSVC) -> bool:
            return context["ti"].get_dr_count(dag_id=dag_id(nsvc), states=_ACTIVE) > 0

        return upkeep.restart_lost_builds(has_run)


class SettleComponentsOperator(UpkeepOperator):
    """Record what became in Koji of components whose module build has ended."""

    def step(self, upkeep: Upkeep, context: Context) -> list[str]:  # noqa: ARG002 # others need it
        """Take the step."""
        return upkeep.settle_components()


class RebuildDependantsOperator(BaseOperator):
    """Submit the modules that are built against an older build of a stream that became ready; the owner stays.

    What is refused is told, and fails the task when everything else is submitted; what does not answer is tried again.
    """

    def __init__(self, *, koji_conn_id: str = KOJI, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.koji_conn_id = koji_conn_id
        self.registry_conn_id = registry_conn_id

    def execute(self, context: Context) -> list[str]:
        """Submit what is behind."""
        # Many may write an event through Airflow's API; what it says is believed where the registry says so too.
        ready = [NSVC.parse(event.extra["nsvc"]) for event in context["triggering_asset_events"][READY_MODULES]]
        chosen = list(islice(behind(registry(self.registry_conn_id), ready), AT_ONCE))
        run = f"{context['dag_run'].dag_id} {context['dag_run'].run_id}"
        failed = [error for one in chosen if (error := self._submit(one, run))]
        for error in failed:
            if isinstance(error, Infrastructure):
                raise error
        if failed:
            raise AirflowFailException("\n".join(str(error) for error in failed))
        return [str(one.build.nsvc) for one in chosen]

    def _submit(self, wanted: Behind, run: str) -> MbsError | None:
        """Submit one; give why that was not possible."""
        modules, nsvc = registry(self.registry_conn_id), wanted.build.nsvc
        try:
            with KojiHook(self.koji_conn_id).facts() as hub:
                rebuild(wanted, registry=modules, settings=settings(), hub=hub, key=f"{run} {wanted.build.id}")
        except (Refused, Infrastructure) as error:
            return error
        self.log.info("Submitted %s:%s again: %s is ready.", nsvc.name, nsvc.stream, wanted.ready)
        return None
