"""Decisions of the scheduler about the run of a module build, from the states of its tasks.

In every loop Airflow loads all tasks of every running run, and asks for each that has not run yet what all its
relatives are and which of all ended tasks are its upstream: the square of the number of tasks. Here two columns are
read first, and most often they say that nothing can have become ready; where something can, only that is evaluated.
What is decided is what Airflow would decide.

Three methods of `DagRun`, which are not public, are wrapped for that, and here is the only place. Where Airflow's are
not those that this was written for, they stay as they are. docs/decisions/0071-the-scheduler-loop.md has the figures.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from airflow.jobs.job import Job
from airflow.listeners import hookimpl
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import timezone
from airflow.task.trigger_rule import TriggerRule
from airflow.ti_deps.dependencies_states import SCHEDULEABLE_STATES
from airflow.utils.state import DagRunState, State, TaskInstanceState
from sqlalchemy import select

from operators.hooks import settings

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.definitions.mappedoperator import Operator
    from sqlalchemy.orm import Session

T = TypeVar("T")

log = logging.getLogger(__name__)

OPERATORS = "operators.tasks."
"""Where the operators of module builds are: none is mapped, a setup or a teardown, or depends on other runs."""

_NOT_FAILED = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})

INCONCLUSIVE: Mapping[str, frozenset[str]] = {
    TriggerRule.ALL_SUCCESS: frozenset({TaskInstanceState.SUCCESS}),
    TriggerRule.NONE_FAILED: _NOT_FAILED,
    TriggerRule.ONE_FAILED: _NOT_FAILED,
}
"""By trigger rule, the ends of upstream tasks that decide nothing as long as another of them has not ended."""

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "update_state": ("self", "session", "execute_callbacks"),
    "_get_ready_tis": ("self", "schedulable_tis", "finished_tis", "session"),
    "_are_premature_tis": ("self", "unfinished_tis", "finished_tis", "session"),
}
"""The methods of `DagRun` that are wrapped, with the parameters that this was written for."""

AIRFLOWS: Mapping[str, Callable[..., Any]] = {
    name: getattr(DagRun, name) for name in PARAMETERS if hasattr(DagRun, name)
}
"""The methods as they are in Airflow."""


@hookimpl
def on_starting(component: object) -> None:
    """Prepare a job of Airflow that begins; only a scheduler makes use of it."""
    if isinstance(component, Job) and settings().schedule_from_states:
        wrap()


def wrap() -> bool:
    """Wrap Airflow's methods in this process; tells whether they are those that this was written for."""
    found = {name: tuple(inspect.signature(method).parameters) for name, method in AIRFLOWS.items()}
    if found != PARAMETERS:
        log.warning("The scheduler of this version of Airflow decides in its own way, at its own cost: %s", found)
        return False
    for name, wrapper in _WRAPPERS.items():
        setattr(DagRun, name, wrapper(AIRFLOWS[name]))
    return True


def at_rest(dag: SerializedDAG, states: Mapping[str, str | None]) -> bool:
    """Tell whether the run of a module build stays as it is, from the states of its tasks by their ids."""
    unfinished = [task_id for task_id, state in states.items() if state not in State.finished]
    if not unfinished or not states.keys() <= dag.task_dict.keys():
        return False
    return not any(can_move(dag.task_dict[task_id], states) for task_id in unfinished)


def can_move(task: Operator, states: Mapping[str, str | None]) -> bool:
    """Tell whether Airflow may find an unfinished task ready, or a reason to end it; it then has to evaluate it.

    One that was begun rests where its upstream tasks ended well, as long as nobody changes them.
    """
    inconclusive = INCONCLUSIVE.get(task.trigger_rule)
    if inconclusive is None:
        return True
    upstream = [states.get(task_id) for task_id in task.upstream_task_ids]
    if any(state in State.finished and state not in inconclusive for state in upstream):
        return True
    ended = all(state in State.finished for state in upstream)
    if states[task.task_id] in SCHEDULEABLE_STATES:
        return ended
    return not ended or task.trigger_rule == TriggerRule.ONE_FAILED


_module_builds: WeakKeyDictionary[SerializedDAG, bool] = WeakKeyDictionary()


def is_module_build(dag: SerializedDAG) -> bool:
    """Tell whether all tasks of a DAG are those of a module build."""
    if dag not in _module_builds:
        _module_builds[dag] = all(str(vars(task).get("_task_module")).startswith(OPERATORS) for task in dag.tasks)
    return _module_builds[dag]


def _unless_at_rest(update_state: Callable[..., tuple[list[TaskInstance], T]]) -> Callable[..., object]:
    """Have a run at rest noted as examined, and everything else left to Airflow."""

    @wraps(update_state)
    def wrapper(
        self: DagRun, *, session: Session, execute_callbacks: bool = True
    ) -> tuple[list[TaskInstance], T | None]:
        if self.state == DagRunState.RUNNING and self.dag and is_module_build(self.dag):
            columns = select(TaskInstance.task_id, TaskInstance.state)
            of_run = columns.where(TaskInstance.dag_id == self.dag_id, TaskInstance.run_id == self.run_id)
            if at_rest(self.dag, dict(session.execute(of_run).tuples().all())):
                self.last_scheduling_decision = timezone.utcnow()
                return [], None
        return update_state(self, session=session, execute_callbacks=execute_callbacks)

    return wrapper


def _of_movable(evaluate: Callable[..., T]) -> Callable[..., T]:
    """Have only those tasks of a module build evaluated that can move, and those that were begun."""

    @wraps(evaluate)
    def wrapper(self: DagRun, unfinished: Sequence[TaskInstance], finished: list[TaskInstance], session: Session) -> T:
        if self.dag and is_module_build(self.dag):
            states = {ti.task_id: ti.state for ti in (*unfinished, *finished)}
            tasks = self.dag.task_dict
            unfinished = [
                ti for ti in unfinished if ti.state not in SCHEDULEABLE_STATES or can_move(tasks[ti.task_id], states)
            ]
        return evaluate(self, unfinished, finished, session)

    return wrapper


_WRAPPERS: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "update_state": _unless_at_rest,
    "_get_ready_tis": _of_movable,
    "_are_premature_tis": _of_movable,
}
