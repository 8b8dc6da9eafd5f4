"""Workers' processes, one for each task: Airflow's own task runner and log, with our plugin; the supervisor is here.

`python -m tests.operators.worker` runs `CASES` and prints the log of each below its name, one JSON object a line.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.log import configure_logging

from mbs.koji.session import HubAccount, HubSession
from mbs.model.errors import HubRefused, InvalidModulemd, Problem, RegistryUnavailable
from mbs.model.nsvc import NSVC
from mbs.model.states import ModuleState, check_module
from mbs.planning.graph import Kind
from mbs.registry import Registry, engine_for
from mbs.settings import Settings
from mbs.steps import holding
from mbs.steps.holding import Held, Keeper
from operators.tasks.base import Logged, ModuleBuildOperator, end, task_of
from operators.tasks.forms import RequestOperator
from operators.tasks.publish import ApproveOperator
from tests.operators.conftest import plan_of

NOW = datetime.now(UTC)
PLAN = plan_of(NSVC("greeter", "1", 20261122160000, "c0ffee42"), 7)


class Supervisor:
    """What a task asks of the process above it."""

    socket = None

    def send(self, msg: Any) -> Any:
        """Take what the task says."""


class Work(ModuleBuildOperator):
    """A task of a module build that ends as it is told."""

    kind = Kind.CREATE_TAG

    def __init__(self, *, error: Exception | None = None, **kwargs: Any) -> None:
        super().__init__(plan=PLAN, **kwargs)
        self.error = error

    def execute(self, context: Any) -> None:
        """Do the work without a registry."""
        nowhere = Registry(engine_for("postgresql://nobody@localhost/nothing"))
        keeper = Keeper(lambda: HubSession(HubAccount("http://localhost")), nowhere, Settings(), Logged(self.log), None)
        held = Held(task_of(self, context))
        keeper.held[held.task.id] = held
        keeper.together([held], self.work)
        ((_, ended),) = keeper.ended
        end(context, ended)

    def work(self) -> None:
        """Fail."""
        self.log.error("the end of \x1b[31mbuild.log\u202e")
        if self.error is None:
            check_module("greeter", ModuleState.READY, ModuleState.BUILD)
        else:
            raise self.error


def work(error: Exception | None = None) -> Any:
    """Give a task that ends with an error; without one, that asks the registry for what it never does."""
    return Work(task_id="work", error=error)


class Form(RequestOperator):
    """A form that refuses."""

    def answer(self, *_: object) -> Any:
        """Refuse."""
        raise InvalidModulemd(Problem("no \x1b[31mlicense", line=3), Problem("no stream"))


class Stranger(BaseOperator):
    """A task that is not ours."""

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's form
        """Fail."""
        raise RegistryUnavailable("\x1b[31mno answer")


def rejected() -> Any:
    """Give the question to a person, as Airflow resumes it after a no."""
    user = {"id": "alice", "name": "alice"}
    answer = {"chosen_options": ["Reject"], "params_input": {}, "responded_at": NOW, "responded_by_user": user}
    task = ApproveOperator(task_id="approve", plan=PLAN)
    task.execute = lambda context: task.execute_complete(context, answer)  # type: ignore[method-assign] # as said above
    return task


CASES: dict[str, Any] = {
    "refused by koji": lambda: work(HubRefused("policy violation", call="build")),
    "away": lambda: work(RegistryUnavailable("The registry does not answer.")),
    "defect": lambda: work(KeyError("nobody thought of it")),
    "forbidden": work,
    "form": lambda: Form(task_id="submit"),
    "rejected": rejected,
    "stranger": lambda: Stranger(task_id="theirs"),
}


def run(task: Any) -> None:
    """Run a task to its end, as a worker does."""
    DAG("a_dag", schedule=None).add_task(task)
    ids: dict[str, Any] = {"dag_id": "a_dag", "run_id": "run"}
    facts: dict[str, Any] = {**ids, "run_type": "manual", "state": "running", "triggering_user_name": "alice"}
    facts |= {"run_after": NOW, "start_date": NOW, "clear_number": 0, "consumed_asset_events": []}
    facts |= dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "end_date", "partition_key"))
    ti = RuntimeTaskInstance.model_construct(
        **ids,
        id=uuid4(),
        task_id=task.task_id,
        try_number=1,
        map_index=-1,
        task=task,
        start_date=NOW,
        _ti_context_from_server=TIRunContext(dag_run=DagRun(**facts), max_tries=0, should_retry=False, start_date=NOW),
    )
    task_runner.SUPERVISOR_COMMS = Supervisor()  # type: ignore[assignment] # what it asks of it
    log = structlog.get_logger(logger_name="task")
    context = ti.get_template_context()
    state, _, error = task_runner.run(ti, context, log)
    task_runner.finalize(ti, state, context, log, error)


def main() -> None:
    """Run all cases, each in a process of its own."""
    holding.REGISTRY_PATIENCE = -1.0
    configure_logging(json_output=True, output=sys.stdout.buffer, sending_to_supervisor=True)
    for name, make in CASES.items():
        print(f"# {name}", flush=True)
        if os.fork():
            os.wait()
        else:
            run(make())
            return


if __name__ == "__main__":
    main()
