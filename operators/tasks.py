"""The operators of a module build's DAG, in the order in which they run."""

from __future__ import annotations

from operators.approval import ApproveOperator
from operators.component import BuildComponentOperator, BuildMacrosOperator
from operators.failure import RecordFailureOperator
from operators.prepare import CreateTagOperator, LinkDependenciesOperator
from operators.publish import FinalModulemdOperator, ImportBuildOperator, MarkReadyOperator
from operators.repo import RepoOperator
from operators.reuse import ReuseComponentsOperator

__all__ = [
    "ApproveOperator",
    "BuildComponentOperator",
    "BuildMacrosOperator",
    "CreateTagOperator",
    "FinalModulemdOperator",
    "ImportBuildOperator",
    "LinkDependenciesOperator",
    "MarkReadyOperator",
    "RecordFailureOperator",
    "RepoOperator",
    "ReuseComponentsOperator",
]
