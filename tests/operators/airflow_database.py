"""Airflow without its services: its database and its execution API, each as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import TaskInstance as SdkTaskInstance
from airflow.sdk.execution_time.supervisor import TaskRunResult, run_task_in_process
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.db import synchronize_log_template
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from cryptography.fernet import Fernet
from sqlalchemy import make_url, select

BUNDLE = "module-builds"


def connect(url: str, patch: pytest.MonkeyPatch) -> None:
    """Have Airflow use this empty database, in this process, and make its tables."""
    patch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    for name, driver in (("", "psycopg2"), ("_ASYNC", "asyncpg")):
        engine = make_url(url).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
        patch.setenv(f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN{name}", engine)
    settings.configure_vars()
    settings.configure_orm()
    import_all_models()
    Base.metadata.create_all(settings.get_engine())
    with create_session() as session:
        session.add(DagBundleModel(name=BUNDLE))
        synchronize_log_template(session=session)


@dataclass(frozen=True)
class Run:
    """A run of a DAG in Airflow's database."""

    dag: DAG
    run_id: str

    def ti(self, task_id: str) -> TaskInstance:
        """Give a task's instance as it is now."""
        with create_session() as session:
            query = select(TaskInstance).where(
                TaskInstance.dag_id == self.dag.dag_id, TaskInstance.run_id == self.run_id
            )
            return session.scalars(query.where(TaskInstance.task_id == task_id)).one()

    def xcom(self, task_id: str, key: str) -> Any:
        """Give what a task has left."""
        with create_session() as session:
            left = select(XComModel).where(XComModel.dag_id == self.dag.dag_id, XComModel.run_id == self.run_id)
            found = session.scalars(left.where(XComModel.task_id == task_id, XComModel.key == key)).one()
            return XComModel.deserialize_value(found)

    def set_state(self, task_id: str, state: TaskInstanceState | None) -> None:
        """Set a task's state, as the scheduler or a person does."""
        with create_session() as session:
            session.merge(self.ti(task_id)).state = state

    def execute(self, task_id: str) -> TaskRunResult:
        """Run a task as a worker does, until it ends."""
        self.set_state(task_id, TaskInstanceState.QUEUED)
        return run_task_in_process(ti=self.sdk_ti(task_id), task=self.dag.get_task(task_id))

    def sdk_ti(self, task_id: str) -> SdkTaskInstance:
        """Give what a worker knows of a task instance."""
        ti = self.ti(task_id)
        return SdkTaskInstance(
            id=UUID(str(ti.id)),
            task_id=ti.task_id,
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            try_number=ti.try_number,
            map_index=ti.map_index,
            dag_version_id=UUID(str(ti.dag_version_id)),
        )


def start(dag: DAG) -> Run:
    """Write a DAG to the database and begin a run of it, whose tasks a test runs in its own order."""
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
    return Run(dag, "run")
