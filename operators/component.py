"""The tasks that build packages in Koji: one for every arch of a component, one for the macros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mbs.plan import BuildPlan
from operators.base import ModuleBuildOperator


class BuildComponentOperator(ModuleBuildOperator):
    """Make sure that a component is submitted to Koji, and follow its build on one arch.

    `gates` are the ids of the `RepoOperator` tasks whose repositories it needs; the newest of these is built on.
    """

    def __init__(self, *, plan: BuildPlan, component: str, arch: str, gates: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(plan=plan, **kwargs)
        self.component = component
        self.arch = arch
        self.gates = tuple(gates)


class BuildMacrosOperator(ModuleBuildOperator):
    """Make, upload and build module-build-macros (§13), the noarch batch 0."""
