"""Puts the answer to a form where one looks first: into the note of its run.

A task has no call for that, so it leaves its sentences as an XCom, and this listener, which the scheduler calls with
its own database session, copies them when the run ends.
"""

from __future__ import annotations

from airflow.listeners import hookimpl
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import object_session

from operators.identifiers import FORMS, NOTE

NOTE_LENGTH = 1000
"""Characters that Airflow keeps of a note."""


@hookimpl
def on_dag_run_success(dag_run: DagRun) -> None:
    """Say what was done."""
    _write(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun) -> None:
    """Say why it was refused."""
    _write(dag_run)


def _write(dag_run: DagRun) -> None:
    session = object_session(dag_run)
    if dag_run.dag_id not in FORMS or session is None:
        return
    query = select(XComModel).where(
        XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == NOTE
    )
    found = session.scalars(query).first()
    if found is not None:
        note = str(XComModel.deserialize_value(found))
        dag_run.note = note if len(note) <= NOTE_LENGTH else f"{note[: NOTE_LENGTH - 20]}\n(more in the log)"
