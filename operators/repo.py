"""The gate after each batch: its builds are complete, tagged, and in a repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mbs.plan import BuildPlan
from operators.base import ModuleBuildOperator


class RepoOperator(ModuleBuildOperator):
    """Tag the builds of a batch and wait for a repository that contains them.

    `batch` names the components of the gate (none for the macros' gate, which has `macros`).
    """

    def __init__(self, *, plan: BuildPlan, batch: Sequence[str] = (), macros: bool = False, **kwargs: Any) -> None:
        super().__init__(plan=plan, **kwargs)
        self.batch = tuple(batch)
        self.macros = macros
