"""The end of a module build that failed."""

from __future__ import annotations

from typing import Any

from mbs.plan import BuildPlan
from operators.base import ModuleBuildOperator


class RecordFailureOperator(ModuleBuildOperator):
    """Record that the module build failed, and why; then fail, so that the run is failed and can be retried.

    It runs when any task above it failed, and is skipped otherwise.
    """

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        kwargs.setdefault("trigger_rule", "one_failed")
        super().__init__(plan=plan, **kwargs)
