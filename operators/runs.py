"""Ending the runs of a module build that was canceled over the REST API, in Airflow's own database.

As Airflow's API does it when somebody marks a run as failed, but for the listeners: who canceled the build has recorded
it. What is used of Airflow is not public; tests/operators/test_runs.py fails where Airflow changes it, and
docs/decisions/0080 says why it is needed.
"""

from __future__ import annotations

from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import State
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mbs.model.errors import Infrastructure
from mbs.model.quoting import plain
from mbs.model.users import User
from mbs.planning.notes import sentence


class AirflowRuns:
    """The runs of module builds, in the process of Airflow's API server."""

    def fail(self, dag_id: str, reason: str, by: User) -> None:
        """Mark the runs of a DAG that have not ended, if there are any, as failed. Raises Infrastructure.

        What their tasks wait for in Koji is canceled by who holds them, within seconds.
        """
        try:
            with create_session() as session:
                bag = DBDagBag()
                unfinished = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.state.in_(State.unfinished_dr_states))
                for run in session.scalars(unfinished.with_for_update(of=DagRun)):
                    run.note = (sentence(reason), by.name)
                    dag = bag.get_dag_for_run(run, session=session)
                    if dag is not None:
                        set_dag_run_state_to_failed(dag=dag, run_id=run.run_id, commit=True, session=session)
        except SQLAlchemyError as error:
            raise Infrastructure(f"Airflow could not end the run of {dag_id}: {plain(str(error))}") from error
