"""Puts what there is to say of a run where one looks first: into its note.

A task has no call for that, so it leaves its sentences as an XCom, and this listener, which the scheduler calls with
its own database session, copies them when the run ends. What a person wrote into a note stays below.
"""

from __future__ import annotations

from airflow.listeners import hookimpl
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session, object_session

from mbs.planning.ids import FORMS, NOTE
from mbs.planning.notes import NOTE_LENGTH, UNANSWERED

BELOW = "\n\n----\n\n"
"""Between ours and what a person wrote."""

OURS = 300
"""Characters that ours has in any case."""


@hookimpl(tryfirst=True)
def on_dag_run_running(dag_run: DagRun) -> None:
    """Forget what an earlier end of the run left: it goes on."""
    session = object_session(dag_run)
    if session is not None and _left(session, dag_run) is not None:
        session.execute(delete(XComModel).where(*_ours(dag_run)))
        write(dag_run, "")


@hookimpl
def on_dag_run_success(dag_run: DagRun) -> None:
    """Say what came of it."""
    _copy(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun) -> None:
    """Say why it failed, or was refused; a form whose task died without a word was not answered."""
    if not _copy(dag_run) and dag_run.dag_id in FORMS and not dag_run.note:
        write(dag_run, UNANSWERED)


def write(dag_run: DagRun, text: str) -> None:
    """Make a text the note of a run, above what a person wrote into it."""
    theirs = _written_by_a_person(dag_run)
    below = f"{BELOW if text else ''}{theirs}" if theirs else ""
    room = max(NOTE_LENGTH - len(below), OURS)
    dag_run.note = f"{text[:room]}{below}"[:NOTE_LENGTH]  # one that is longer ends the scheduler's transaction


def _copy(dag_run: DagRun) -> bool:
    """Copy what a task of the run has left last; tell whether one has."""
    session = object_session(dag_run)
    found = _left(session, dag_run) if session is not None else None
    if found is not None:
        write(dag_run, str(XComModel.deserialize_value(found)))
    return found is not None


def _left(session: Session, dag_run: DagRun) -> XComModel | None:
    newest = select(XComModel).where(*_ours(dag_run)).order_by(XComModel.timestamp.desc()).limit(1)
    return session.scalars(newest).first()


def _ours(dag_run: DagRun) -> tuple[ColumnElement[bool], ...]:
    return (XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == NOTE)


def _written_by_a_person(dag_run: DagRun) -> str:
    note = dag_run.dag_run_note
    if note is None or note.user_id is None:
        return ""
    return str(note.content or "").rpartition(BELOW)[2]
