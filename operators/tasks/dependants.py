"""The task that submits modules again because what they are built against has a new build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from mbs.koji.facts import KojiFacts
from mbs.koji.session import IMPATIENT, HubSession
from mbs.model.errors import Infrastructure, MbsError, NotFound, Refused
from mbs.model.nsvc import NSVC
from mbs.model.states import ModuleState
from mbs.planning.dependants import dependants, resubmission
from mbs.registry import Registry
from mbs.registry.rows import BuildFilter, ModuleBuildRow, Page
from mbs.steps.submit import submit
from operators.hooks import KOJI, READY_MODULES, REGISTRY, KojiHook, registry, settings

AT_ONCE = 10
"""Modules that one run submits; the others follow with the next event, for they are still behind."""

_ALL = 1_000_000


class RebuildDependantsOperator(BaseOperator):
    """Submit the modules that are built against an older build of a stream that became ready; the owner stays.

    What is refused is told, and fails the task when everything else is submitted; what is away is tried again.
    """

    def __init__(self, *, koji_conn_id: str = KOJI, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.koji_conn_id = koji_conn_id
        self.registry_conn_id = registry_conn_id

    def execute(self, context: Context) -> list[str]:
        """Submit what is behind."""
        events = context["triggering_asset_events"][READY_MODULES]
        modules = registry(self.registry_conn_id)
        # Many may write an event through Airflow's API; what it says is believed where the registry says so too.
        nsvcs = [nsvc for event in events if _is_ready(modules, nsvc := NSVC.parse(event.extra["nsvc"]))]
        chosen = list(self.behind(modules, nsvcs))[:AT_ONCE]
        run = f"{context['dag_run'].dag_id} {context['dag_run'].run_id}"
        failed = [error for build, ready in chosen if (error := self._submit(modules, build, ready, run))]
        for error in failed:
            if isinstance(error, Infrastructure):
                raise error
        if failed:
            raise AirflowFailException("\n".join(str(error) for error in failed))
        return [str(build.nsvc) for build, _ in chosen]

    def behind(self, modules: Registry, ready: list[NSVC]) -> Iterator[tuple[ModuleBuildRow, NSVC]]:
        """Give what to build again, and because of which build; each stream once."""
        rows = modules.builds.find(BuildFilter(states=(ModuleState.READY,)), Page(size=_ALL)).items
        busy = {(entry.nsvc.name, entry.nsvc.stream) for entry in modules.builds.unfinished()}
        for nsvc in ready:
            for row in dependants(nsvc, rows, busy):
                busy.add((row.nsvc.name, row.nsvc.stream))
                yield row, nsvc

    def _submit(self, modules: Registry, build: ModuleBuildRow, ready: NSVC, run: str) -> MbsError | None:
        """Submit one; give why that was not possible."""
        request = resubmission(build, modules.documents.plan(build.id), ready)
        try:
            with HubSession(KojiHook(self.koji_conn_id).account, delays=IMPATIENT) as hub:
                submit(
                    request,
                    build.owner,
                    registry=modules,
                    settings=settings(),
                    hub=KojiFacts(hub),
                    key=f"{run} {build.id}",
                )
        except Refused as refusal:
            return Refused(f"{build.nsvc} cannot be built again: {refusal}")
        except Infrastructure as away:
            return away
        self.log.info("Submitted %s:%s again: %s is ready.", build.nsvc.name, build.nsvc.stream, ready)
        return None


def _is_ready(modules: Registry, nsvc: NSVC) -> bool:
    try:
        return modules.builds.get(nsvc).state is ModuleState.READY
    except NotFound:
        return False
