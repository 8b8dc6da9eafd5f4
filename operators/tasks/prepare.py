"""The tasks before the first build: tags, target and inheritance in Koji; finished builds of components reused."""

from __future__ import annotations

from airflow.sdk import Context

from mbs.koji.tags import ensure_inheritance, ensure_tags
from mbs.model.states import ModuleState
from mbs.steps.reuse import reuse_components
from operators.hooks import settings
from operators.tasks.base import ModuleBuildOperator


class CreateTagOperator(ModuleBuildOperator):
    """Make or complete the tag, the build tag, their package lists, the build groups and the target (§12.2)."""

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Make what is not there; the module build is in state build from here on."""
        if self.registry.builds.get(self.plan.build_id).state is ModuleState.WAIT:
            self.registry.builds.transition(self.plan.build_id, ModuleState.BUILD, None, self.by)
        with self.hub() as hub:
            made = ensure_tags(hub, self.plan)
        self.log.info("Tag %s: %d changes made in Koji.", self.plan.koji_tag, made)


class LinkDependenciesOperator(ModuleBuildOperator):
    """Let the build tag inherit the tags of the module's dependencies, in the plan's order (§12.3)."""

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Link what is not linked."""
        with self.hub() as hub:
            changed = ensure_inheritance(hub, self.plan)
        tags = ", ".join(f"{tag.koji_tag} ({tag.priority})" for tag in self.plan.dependencies if tag.koji_tag)
        self.log.info("%s inherits %s; %s.", self.plan.build_tag, tags, "linked now" if changed else "nothing to do")


class ReuseComponentsOperator(ModuleBuildOperator):
    """Take over what the rebuild strategy allows (§15).

    The tasks of such components find them complete and end at once; gates tag them, and ask for a repository only
    when something behind them is built.
    """

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Decide about all components that nothing has happened to."""
        with self.hub() as hub:
            done = reuse_components(hub, self.registry, self.plan, settings().expansion)
        if done.previous is None:
            self.log.info("There is no earlier module build to take components from, or none is wanted.")
            return
        self.log.info("Taken over from %s: %s.", done.previous, ", ".join(done.reused.values()) or "nothing")
        for reason in done.refused.values():
            self.log.info("%s", reason)
