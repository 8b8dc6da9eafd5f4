"""The tasks that make a module build's tags, package lists, groups, target and inheritance in Koji."""

from __future__ import annotations

from operators.base import ModuleBuildOperator


class CreateTagOperator(ModuleBuildOperator):
    """Make or complete the tag, the build tag, their package lists, the build groups and the target (§12.2)."""


class LinkDependenciesOperator(ModuleBuildOperator):
    """Let the build tag inherit the tags of the module's dependencies, in the plan's order (§12.3)."""
