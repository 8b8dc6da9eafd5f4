"""The end of a module build that succeeded: its documents, its import into Koji, its last states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from airflow.sdk import Context

from mbs.model.plan import BuildPlan
from mbs.model.states import ModuleState
from mbs.planning import notes
from mbs.planning.ids import FINAL_MODULEMD, IMPORT_BUILD, NOTE
from mbs.planning.notes import Result
from mbs.publish.documents import FinalDocuments
from mbs.steps.publish import make_documents, publish
from operators.hooks import READY_MODULES, stream_asset
from operators.tasks.base import ModuleBuildOperator

MADE = "made"
"""XCom of the final documents: how many `rpms` they list by arch, and perhaps a `warning`."""

IMPORTED = "imported"
"""XCom of the import: the tag for the compose, by the build in Koji."""


class FinalModulemdOperator(ModuleBuildOperator):
    """Make the final modulemd of every arch, and keep it in the registry (§16.5)."""

    ui_color = "#e6f4ea"

    def work(self, context: Context) -> None:
        """Make the documents from what is in the module's tag now."""
        with self.hub() as hub:
            made = make_documents(hub, self.registry, self.plan)
        context["ti"].xcom_push(MADE, {"rpms": rpm_counts(made.documents), "warning": made.warning})
        for documents in made.documents:
            counts = ", ".join(f"{len(document.rpms)} on {document.arch}" for document in documents.arches)
            self.log.info("%s: artifacts: %s.", documents.name, counts or "none")
        if made.warning:
            self.log.warning("%s", made.warning)


class ImportBuildOperator(ModuleBuildOperator):
    """Import the module build into Koji, with its -devel twin, and tag both for the compose (§16.1 to §16.3).

    The module build is done then. Scratch builds are done without.
    """

    ui_color = "#e6f4ea"

    def work(self, context: Context) -> None:
        """Import and tag what is not imported or tagged."""
        if self.plan.publication.imported:
            with self.hub() as hub:
                builds = publish(hub, self.registry, self.plan)
            for build in builds:
                done = "Imported" if build.fresh else "Found"
                self.log.info("%s %s; tagged for the compose: %s.", done, build.nvr, build.tag or "nowhere")
            context["ti"].xcom_push(IMPORTED, {build.nvr: build.tag for build in builds})
        else:
            self.log.info("Nothing is imported: %s.", "a scratch build" if self.plan.scratch else "switched off")
        if self.registry.builds.get(self.plan.build_id).state is ModuleState.BUILD:
            self.registry.builds.transition(self.plan.build_id, ModuleState.DONE, None, self.by)


class MarkReadyOperator(ModuleBuildOperator):
    """Take the module build to ready, and tell Airflow; a scratch build ends in done.

    The event goes to two assets: `name:stream`, for whoever follows one stream, and one for all modules. Its extra
    names the build.
    """

    ui_color = "#e6f4ea"

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        outlets = [] if plan.scratch else [stream_asset(plan.nsvc.name, plan.nsvc.stream), READY_MODULES]
        super().__init__(plan=plan, outlets=outlets, **kwargs)

    def work(self, context: Context) -> None:
        """Take the steps that are left; one that was taken before is not taken again."""
        end = ModuleState.DONE if self.plan.scratch else ModuleState.READY
        with self.registry.transaction() as work:
            state = work.builds.get(self.plan.build_id).state
            for following in (ModuleState.BUILD, ModuleState.DONE, ModuleState.READY):
                if state < following <= end:
                    work.builds.transition(self.plan.build_id, following, None, self.by)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"nsvc": str(self.plan.nsvc), "build_id": self.plan.build_id}
        self.log.info("Module build %s is %s.", self.plan.nsvc, end.label)
        context["ti"].xcom_push(NOTE, notes.ended_well(self._result(context, end)))

    def _result(self, context: Context, end: ModuleState) -> Result:
        rows = [row for row in self.registry.components.of(self.plan.build_id) if not row.build_time_only]
        made = _left(context, FINAL_MODULEMD, MADE)
        return Result(
            str(self.plan.nsvc),
            end.label,
            self.plan.koji_tag,
            rpms=made.get("rpms", {}),
            imported=_left(context, IMPORT_BUILD, IMPORTED),
            built=[row.name for row in rows if row.reused_from is None],
            reused=[row.name for row in rows if row.reused_from is not None],
            warnings=[made["warning"]] if made.get("warning") else [],
        )


def _left(context: Context, task_id: str, key: str) -> dict[str, Any]:
    """Give what another task has left; nothing where it ran before there was such a thing."""
    found = context["ti"].xcom_pull(task_ids=[task_id], key=key)
    return next((value for value in found if value), {})


def rpm_counts(made: Iterable[FinalDocuments]) -> dict[str, int]:
    """Count the RPMs in final documents by arch, each once."""
    nevras = {rpm.nevra for documents in made for document in documents.arches for rpm in document.rpms}
    return dict(Counter(nevra.rpartition(".")[2] for nevra in nevras))
