"""The tasks before the first build: tags, target and inheritance in Koji; finished builds of components reused."""

from __future__ import annotations

from mbs.planning.graph import Kind
from operators.tasks.base import ModuleBuildOperator


class CreateTagOperator(ModuleBuildOperator):
    """Make or complete the tag, the build tag, their package lists, the build groups and the target."""

    kind = Kind.CREATE_TAG


class LinkDependenciesOperator(ModuleBuildOperator):
    """Let the build tag inherit the tags of the module's dependencies."""

    kind = Kind.LINK_DEPENDENCIES


class ReuseComponentsOperator(ModuleBuildOperator):
    """Reuse the finished builds of components that the rebuild strategy allows (§15).

    The tasks of such components find them complete and end at once; gates tag them, and ask for a repository only
    when something behind them is built.
    """

    kind = Kind.REUSE_COMPONENTS
