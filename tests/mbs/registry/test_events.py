"""Changes of states, of which none is missed."""

from __future__ import annotations

import time
from contextlib import suppress

from sqlalchemy import Engine

from mbs.registry import ComponentState, ModuleState, Registry
from mbs.registry.events import Event, EventFilter, Position
from tests.mbs.registry.conftest import Submit

ALL, BUILDING = EventFilter(), EventFilter(states=(ModuleState.BUILD,))
PATIENCE = 30
"""Seconds."""


def told(registry: Registry, position: Position, wanted: EventFilter = ALL, limit: int = 100) -> list[Event]:
    """Ask until nothing is left: transactions of other tests, on the same server, may hold it back for a moment."""
    found: list[Event] = []
    end = time.monotonic() + PATIENCE
    while not (part := registry.events.after(position, wanted, limit)).is_all:
        found, position = [*found, *part.events], part.position
        assert time.monotonic() < end
    return [*found, *part.events]


def states(events: list[Event]) -> list[tuple[int, str]]:
    return [(one.build_id, one.state.label) for one in events if one.state is not None and one.component_id is None]


def test_every_change_is_told_once_in_order(registry: Registry, submit: Submit) -> None:
    begin = registry.events.now()
    (recorded,) = submit()
    build = recorded.build
    registry.builds.transition(build.id, ModuleState.BUILD, None, "test")
    name = registry.components.of(build.id)[0].name
    with registry.component(build.id, name) as held:
        held.finished(ComponentState.COMPLETE)
    found = told(registry, begin)
    assert states(found) == [(build.id, "init"), (build.id, "wait"), (build.id, "build")]
    last = found[-1]
    assert (last.package, last.state, last.nsvc) == (name, ComponentState.COMPLETE, build.nsvc)
    assert told(registry, last.position) == []


def test_page_by_page_nothing_is_lost_or_repeated(registry: Registry, submit: Submit) -> None:
    begin = registry.events.now()
    submit("aaaaaaaa", "bbbbbbbb")
    found = told(registry, begin, limit=1)
    assert found == told(registry, begin)
    assert len(found) == 4


def test_who_commits_first_but_began_last_is_told_of_after_the_other(registry: Registry, submit: Submit) -> None:
    """Ids are given before the commit: whoever asks for ids above the last he has seen misses the first build."""
    first, second = (one.build.id for one in submit("aaaaaaaa", "bbbbbbbb"))
    position = registry.events.now()
    with registry.transaction() as open_one:
        open_one.builds.transition(first, ModuleState.BUILD, None, "test")
        registry.builds.transition(second, ModuleState.BUILD, None, "test")
        meanwhile = registry.events.after(position, BUILDING, 100)
        assert not meanwhile.is_all
    later = told(registry, meanwhile.position, BUILDING)
    assert states([*meanwhile.events, *later]) == [(first, "build"), (second, "build")]


def test_what_was_rolled_back_holds_nothing_back(registry: Registry, submit: Submit) -> None:
    first, second = (one.build.id for one in submit("aaaaaaaa", "bbbbbbbb"))
    position = registry.events.now()
    with suppress(RuntimeError), registry.transaction() as work:
        work.builds.transition(first, ModuleState.BUILD, None, "test")
        raise RuntimeError
    registry.builds.transition(second, ModuleState.BUILD, None, "test")
    assert states(told(registry, position, BUILDING)) == [(second, "build")]


def test_events_are_filtered(registry: Registry, submit: Submit) -> None:
    position = registry.events.now()
    (first,), (second,) = submit("aaaaaaaa", owner="pat"), submit("bbbbbbbb", owner="alex")
    mine, name = first.build.id, first.build.nsvc.name
    assert {one.build_id for one in told(registry, position, EventFilter(owner="alex"))} == {second.build.id}
    assert {one.build_id for one in told(registry, position, EventFilter(build_id=mine))} == {mine}
    assert len(told(registry, position, EventFilter(name=name))) == 4
    assert told(registry, position, EventFilter(name=f"{name}x")) == []
    waiting = told(registry, position, EventFilter(states=(ModuleState.WAIT,)))
    assert states(waiting) == [(mine, "wait"), (second.build.id, "wait")]
    assert told(registry, position, EventFilter(impossible=True)) == []


def test_what_was_before_the_migration_is_not_told(registry: Registry, submit: Submit, registry_engine: Engine) -> None:
    submit()
    with registry_engine.begin() as connection:
        connection.exec_driver_sql("UPDATE module_traces SET transaction = NULL")
    assert told(registry, Position(0)) == []
