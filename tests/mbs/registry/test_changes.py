"""Hearing that module builds were recorded or changed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from mbs.registry import Changes, ModuleState, Registry, engine_for
from mbs.registry.changes import CHANNEL
from tests.mbs.registry.conftest import Submit


@pytest.fixture
def changes(registry_engine: Engine) -> Iterator[Changes]:
    """One who has asked before, when nothing had happened."""
    changes = Changes(registry_engine)
    assert changes.heard(), "before it listens it cannot know"
    yield changes
    changes.close()


def hears(changes: Changes, seconds: float = 5) -> bool:
    """Ask until something was heard; PostgreSQL tells it some milliseconds after the commit."""
    end = time.monotonic() + seconds
    while not (heard := changes.heard()) and time.monotonic() < end:
        time.sleep(0.01)
    return heard


def test_a_submission_a_changed_state_and_a_restart_are_heard_once(
    registry: Registry, submit: Submit, changes: Changes
) -> None:
    (recorded,) = submit()
    build_id = recorded.build.id
    assert hears(changes)
    assert not changes.heard()
    registry.builds.transition(build_id, ModuleState.BUILD, None, "test")
    assert hears(changes)
    registry.builds.restart(build_id)
    assert hears(changes)
    assert not changes.heard()


def test_what_does_not_concern_the_dag_is_not_heard(registry: Registry, submit: Submit, changes: Changes) -> None:
    first, second = submit("aaaaaaaa", "bbbbbbbb")
    assert hears(changes)
    registry.builds.reuse_from(second.build.id, first.build.id)
    assert not hears(changes, 0.2)


def test_after_a_lost_connection_a_change_may_have_been_missed(registry_engine: Engine, changes: Changes) -> None:
    with registry_engine.begin() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query = :query"
            ),
            {"query": f"LISTEN {CHANNEL}"},
        )
        assert ended.scalars().all() == [True]
    assert hears(changes)
    assert changes.heard(), "it listens anew from here on"
    assert not changes.heard()


def test_while_the_database_is_away_everything_may_have_changed() -> None:
    changes = Changes(engine_for("postgresql://nobody@127.0.0.1:1/nothing"))
    assert changes.heard()
    assert changes.heard()
