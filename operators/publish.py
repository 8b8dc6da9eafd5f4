"""The end of a module build that succeeded."""

from __future__ import annotations

from operators.base import ModuleBuildOperator


class FinalModulemdOperator(ModuleBuildOperator):
    """Make the final modulemd of every arch."""


class ImportBuildOperator(ModuleBuildOperator):
    """Import the module build into Koji and tag it for the compose."""


class MarkReadyOperator(ModuleBuildOperator):
    """Take the module build to done and ready; a scratch build ends in done."""
