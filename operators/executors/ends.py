"""What the end of a task is in Airflow: its state, what it leaves, the assets that it changes, its last words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mbs.model.naming import READY_MODULES, stream_asset
from mbs.model.nsvc import NSVC
from mbs.steps.tasks import FAILURE, End, Failed, Interrupted, Skipped, Succeeded
from operators.executors.messages import Facts


def state_of(end: End, facts: Facts | None) -> str:
    """Give the state that Airflow is told."""
    match end:
        case Succeeded():
            return "success"
        case Skipped():
            return "skipped"
        case Interrupted() if facts is not None and facts.may_retry:
            return "up_for_retry"
        case _:
            return "failed"


def left_by(end: End) -> Mapping[str, Any]:
    """Give what the task leaves for others, by key."""
    match end:
        case Succeeded(left):
            return left
        case Failed(failure, left):
            return {**left, FAILURE: failure.stored()}
        case _:
            return {}


def announced_by(end: End) -> Mapping[str, Any] | None:
    """Give what those learn who follow the module's stream, where there is something."""
    return end.announces if isinstance(end, Succeeded) else None


def assets_of(nsvc: NSVC) -> tuple[tuple[str, str], ...]:
    """Give name and URI of the assets that change when a module build becomes ready."""
    return stream_asset(nsvc.name, nsvc.stream), READY_MODULES


def last_words(end: End) -> Iterator[tuple[str, str]]:
    """Give what the log says of the end: levels and sentences."""
    match end:
        case Skipped(reason):
            yield "info", reason
        case Failed(failure):
            yield "error", failure.reason
        case Interrupted(reason):
            yield "error", reason
