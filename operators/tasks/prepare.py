"""The tasks before the first build: tags, target and inheritance in Koji; finished builds of components reused."""

from __future__ import annotations

from airflow.sdk import Context

from mbs.steps.build import create_tags, link_dependencies
from mbs.steps.reuse import reuse_components
from operators.hooks import settings
from operators.tasks.base import ModuleBuildOperator


class CreateTagOperator(ModuleBuildOperator):
    """Make or complete the tag, the build tag, their package lists, the build groups and the target."""

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Make what is not there."""
        with self.hub() as hub:
            create_tags(hub, self.registry, self.plan, by=self.by, log=self.log_line)


class LinkDependenciesOperator(ModuleBuildOperator):
    """Let the build tag inherit the tags of the module's dependencies."""

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Link what is not linked."""
        with self.hub() as hub:
            link_dependencies(hub, self.plan, log=self.log_line)


class ReuseComponentsOperator(ModuleBuildOperator):
    """Reuse the finished builds of components that the rebuild strategy allows (§15).

    The tasks of such components find them complete and end at once; gates tag them, and ask for a repository only
    when something behind them is built.
    """

    def work(self, context: Context) -> None:  # noqa: ARG002 # Airflow's form
        """Decide about all components that nothing has happened to."""
        with self.hub() as hub:
            reuse_components(hub, self.registry, self.plan, settings().expansion, log=self.log_line)
