"""The tasks that build packages in Koji: one for every arch of a component, one for the macros."""

from __future__ import annotations

from typing import Any

from mbs.model.naming import NOARCH
from mbs.planning.graph import Kind
from operators.tasks.base import ModuleBuildOperator


class BuildComponentOperator(ModuleBuildOperator):
    """Make sure that a component is submitted to Koji, and follow its build on one arch.

    The first task to come submits, the others attach; it is built on the newest repository that a gate of the module
    build has waited for. Cleared by a person after a failure it submits a new build; late for a build that had failed
    already it fails too (the rule is `mbs.steps.component.Attempt`).
    """

    kind = Kind.BUILD_COMPONENT


class BuildMacrosOperator(ModuleBuildOperator):
    """Make, upload and build module-build-macros (§13), the noarch batch 0."""

    kind = Kind.BUILD_MACROS

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "arch": NOARCH})
