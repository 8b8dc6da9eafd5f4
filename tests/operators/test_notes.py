"""The note of a run, in Airflow's own tables: what tasks left, what persons wrote, and what is said of silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from mbs.planning.ids import FORMS, MARK_READY, NOTE, RECORD_FAILURE
from mbs.planning.notes import NOTE_LENGTH, UNANSWERED
from operators.listeners import notes

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def tables(postgres_url: Callable[[], str]) -> Iterator[Session]:
    """Airflow's tables, in a database of their own."""
    import_all_models()
    engine = create_engine(postgres_url())
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def session(tables: Session) -> Iterator[Session]:
    yield tables
    tables.rollback()


def new_run(session: Session, dag_id: str = "greeter.1.2.c0ffee42") -> DagRun:
    """Make a run as the scheduler has it in its session."""
    run = DagRun(dag_id, "run", run_type=DagRunType.MANUAL, run_after=NOW, state=DagRunState.RUNNING)
    run.triggered_by = DagRunTriggeredByType.UI
    session.add(run)
    session.flush()
    return run


def leave(session: Session, run: DagRun, task_id: str, text: str) -> None:
    """Leave a sentence as a task does."""
    place: dict[str, Any] = {"dag_id": run.dag_id, "task_id": task_id, "run_id": run.run_id}
    facts = {"id": uuid4(), "try_number": 1, "max_tries": 0, "pool": "a", "pool_slots": 1, "span_status": "ended"}
    session.execute(insert(TaskInstance.__table__).values(**place, **facts, map_index=-1))
    XComModel.set(key=NOTE, value=text, **place, session=session)


def test_the_end_of_a_run_is_told_in_its_note(session: Session) -> None:
    run = new_run(session)
    leave(session, run, RECORD_FAILURE, "Failed:\n\n* **tool**")
    notes.on_dag_run_failed(run)
    session.flush()
    session.expire_all()
    assert run.note == "Failed:\n\n* **tool**"


def test_a_run_that_goes_on_does_not_say_any_more_that_it_failed(session: Session) -> None:
    run = new_run(session)
    leave(session, run, RECORD_FAILURE, "Failed")
    notes.on_dag_run_failed(run)
    notes.on_dag_run_running(run)
    assert not run.note
    leave(session, run, MARK_READY, "It is ready")
    notes.on_dag_run_success(run)
    assert run.note == "It is ready"


def test_a_run_that_a_person_ends_after_a_retry_does_not_tell_the_failure_before_it(session: Session) -> None:
    run = new_run(session)
    leave(session, run, RECORD_FAILURE, "Failed")
    notes.on_dag_run_failed(run)
    notes.on_dag_run_running(run)
    notes.on_dag_run_failed(run)
    assert not run.note


def test_what_a_person_wrote_stays_below_and_is_kept_through_retries(session: Session) -> None:
    run = new_run(session)
    run.dag_run_note = DagRunNote(content="Ask **carol** first.", user_id="alice")
    for text in ("Failed once", "Failed again"):
        leave(session, run, text.split()[1], text)
        notes.on_dag_run_failed(run)
        assert run.note == f"{text}{notes.BELOW}Ask **carol** first."
        notes.on_dag_run_running(run)
        assert run.note == "Ask **carol** first."


def test_a_note_with_a_person_s_words_is_not_longer_than_airflow_keeps(session: Session) -> None:
    run = new_run(session)
    run.dag_run_note = DagRunNote(content="b" * NOTE_LENGTH, user_id="alice")
    leave(session, run, RECORD_FAILURE, "a" * NOTE_LENGTH)
    notes.on_dag_run_failed(run)
    session.flush()
    assert len(run.note or "") == NOTE_LENGTH
    assert (run.note or "").startswith("aaa")


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_form_whose_task_died_without_a_word_says_that_it_was_not_answered(session: Session, form: str) -> None:
    run = new_run(session, form)
    notes.on_dag_run_running(run)
    notes.on_dag_run_failed(run)
    assert run.note == UNANSWERED


def test_why_a_form_was_not_even_started_is_kept(session: Session) -> None:
    run = new_run(session, "submit_module")
    run.note = "Airflow has no pool"
    notes.on_dag_run_failed(run)
    assert run.note == "Airflow has no pool"


def test_a_run_of_another_dag_gets_no_note(session: Session) -> None:
    run = new_run(session, "theirs")
    for hook in (notes.on_dag_run_running, notes.on_dag_run_failed, notes.on_dag_run_success):
        hook(run)
    assert run.note is None
