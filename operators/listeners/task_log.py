"""What the log of a task says of its end: the sentences that people need, last.

Airflow logs every exception that ends a task with its traceback, also the one that means "this has failed for good".
Of our tasks only a defect of the service keeps it. And whatever such a log quotes from strangers is printable.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from airflow.listeners import hookimpl
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowTaskTimeout

from mbs.model.errors import ForbiddenTransition, MbsError
from mbs.model.quoting import printable

TIMED_OUT = "It took longer than this task may (execution_timeout), and was stopped."


@hookimpl
def on_task_instance_running(task_instance: Any) -> None:  # noqa: ANN401 # the worker's own class
    """Have a process's log worded our way where it runs one of our tasks: a worker runs one, with a log of its own."""
    processors: list[Any] = structlog.get_config()["processors"]
    if _is_ours(getattr(task_instance, "task", None)) and reword not in processors:
        processors.insert(0, reword)


def reword(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the sentence of an error in the place of its traceback, where that says it all (a processor of structlog)."""
    raised = event.get("exc_info")
    sentence = sentence_of(sys.exc_info()[1] if raised is True else raised)
    if sentence is not None:
        del event["exc_info"]
        event["event"] = sentence
    event["event"] = printable(str(event["event"]))
    return event


def sentence_of(error: object) -> str | None:
    """Give what there is to say of an error; None for a defect, which nobody finds without its traceback."""
    match error:
        case AirflowFailException(__cause__=None):
            return str(error)
        case AirflowTaskTimeout():
            return TIMED_OUT
        case ForbiddenTransition():
            return None
        case MbsError() | AirflowNotFoundException():
            return str(error)
        case _:
            return None


def _is_ours(task: object) -> bool:
    return any(kind.__module__.startswith("operators.") for kind in type(task).__mro__)
