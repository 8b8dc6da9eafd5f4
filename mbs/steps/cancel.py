"""Canceling a module build: from the moment of the answer on, nothing new of it is submitted to Koji."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from mbs.koji.session import Hub
from mbs.model.errors import InvalidRequest, MbsError
from mbs.model.states import CANCELABLE
from mbs.model.users import User
from mbs.planning.ids import dag_id
from mbs.registry import ModuleBuildRow, Registry
from mbs.steps.ending import cancel_components
from mbs.steps.submission import SEND

log = logging.getLogger(__name__)

_PAUSE = 0.2
"""Seconds between two looks for submissions under way."""


class Runs(Protocol):
    """The runs of module builds in Airflow."""

    def fail(self, dag_id: str, reason: str, by: User) -> None:
        """Mark the runs of a DAG that have not ended, if there are any, as failed. Raises Infrastructure."""
        ...


def cancel(
    registry: Registry, connect: Callable[[], AbstractContextManager[Hub]], runs: Runs, build_id: int, user: User
) -> ModuleBuildRow:
    """Let a module build fail, then its run, then cancel what Koji builds for it; give it as it is then.

    The first step decides: nobody who looks at the build after it submits anything, and who has looked before it is
    waited for (`mbs.steps.submission`). What a killed process or a hub that is away leaves of the others is ended by
    who holds the tasks, or by upkeep. Raises InvalidRequest for a build that is not under way, NotFound.
    """
    reason = f"Canceled by {user}."
    build = registry.builds.stop(build_id, reason, user, states=CANCELABLE)
    if build is None:
        states = ", ".join(state.label for state in CANCELABLE)
        raise InvalidRequest(f"To cancel a module build, it must be in one of the following states: {states}")
    steps: tuple[Callable[[], None], ...] = (
        partial(runs.fail, dag_id(build.nsvc), reason, user),
        partial(_await_submissions, registry, build_id),
        partial(_cancel_in_koji, registry, connect, build_id, reason),
    )
    for step in steps:
        try:
            step()
        except MbsError as error:
            log.warning("Canceling %s goes on without this answer: %s", build.nsvc, error)
    return registry.builds.get(build_id)


def _await_submissions(registry: Registry, build_id: int) -> None:
    """Wait for what was about to be submitted; an intent that is older is of somebody who died, and is upkeep's."""
    end = time.monotonic() + SEND
    while time.monotonic() < end and any(row.intent for row in registry.components.of(build_id)):
        time.sleep(_PAUSE)


def _cancel_in_koji(
    registry: Registry, connect: Callable[[], AbstractContextManager[Hub]], build_id: int, reason: str
) -> None:
    with connect() as hub:
        cancel_components(hub, registry, build_id, reason)
