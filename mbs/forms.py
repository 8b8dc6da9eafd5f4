"""What the form `submit_module` and those who fill it in by program agree on: names that are an API."""

from __future__ import annotations

from typing import TypedDict

SUBMIT_DAG = "submit_module"
SUBMIT_TASK = "submit"

PROBLEMS = "problems"
"""XCom key of a refusal: every problem, a list of texts."""
BUILDS = "builds"
"""XCom key of what a submission has become: a list of `SubmittedBuild`."""


class SubmittedBuild(TypedDict):
    """A module build of a submission."""

    id: int
    """Number in the registry."""
    nsvc: str
    dag_id: str
    outcome: str
    """What became of it, as the end of a sentence: `is submitted`."""
