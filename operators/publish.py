"""The end of a module build that succeeded."""

from __future__ import annotations

from airflow.sdk import Context

from mbs.registry.states import ModuleState
from operators.base import ModuleBuildOperator


class FinalModulemdOperator(ModuleBuildOperator):
    """Make the final modulemd of every arch."""

    def work(self, context: Context) -> None:
        """Nothing yet: what a compose needs is made with the import."""


class ImportBuildOperator(ModuleBuildOperator):
    """Import the module build into Koji and tag it for the compose."""

    def work(self, context: Context) -> None:
        """Nothing yet: a build is usable by other modules through its tag."""


class MarkReadyOperator(ModuleBuildOperator):
    """Take the module build to done, and to ready; a scratch build ends in done."""

    ui_color = "#e6f4ea"

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Take the steps that are left; one that was taken before is not taken again."""
        end = ModuleState.DONE if self.plan.scratch else ModuleState.READY
        state = self.registry.build(self.plan.build_id).state
        for following in (ModuleState.BUILD, ModuleState.DONE, ModuleState.READY):
            if state < following <= end:
                self.registry.transition(self.plan.build_id, following, None, self.by)
        self.log.info("Module build %s is %s.", self.plan.nsvc, end.label)
