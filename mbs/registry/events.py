"""Changes of states in an order in which none is missed, by whoever asks for those after the last that he has seen.

Ids of rows are given before their transactions are committed, so a higher one may be seen first. Here the order is that
of transactions, and only those are told of before which none is still open (PostgreSQL: `pg_snapshot_xmin`). A
transaction that stays open, of any database of the server, holds back what is told, and loses none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, Text, cast, func, literal, select, true, tuple_
from sqlalchemy.orm import Session

from mbs.model.nsvc import NSVC
from mbs.model.states import ComponentState, ModuleState
from mbs.registry.models import ComponentBuild, ComponentTrace, ModuleBuild, ModuleTrace
from mbs.registry.session import Group

CHANNEL = "states"
"""What the trigger tells it on (migration 0009)."""

MODULE, COMPONENT = 1, 2


class Position(NamedTuple):
    """A place in the order of all changes."""

    transaction: int
    kind: int = 0
    """MODULE or COMPONENT; 0 is before all of a transaction."""
    id: int = 0


class Event(NamedTuple):
    """A module build, or a component of it, has another state."""

    position: Position
    time: datetime
    state: ModuleState | ComponentState | None
    reason: str | None
    build_id: int
    nsvc: NSVC
    owner: str
    component_id: int | None = None
    """None: it is the module build itself."""
    package: str | None = None
    task_id: int | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which changes to tell; None does not filter."""

    build_id: int | None = None
    name: str | None = None
    owner: str | None = None
    states: tuple[ModuleState, ...] = ()
    """Only module builds that have come into one of these."""
    impossible: bool = False
    """Nothing can pass."""


@dataclass(frozen=True, slots=True)
class Told:
    """Changes, oldest first, and where to ask on."""

    events: Sequence[Event]
    position: Position
    is_all: bool
    """Whether nothing is left that was committed: neither beyond the limit, nor because of an open transaction."""


class Events(Group):
    """Changes of the states of module builds and components."""

    def now(self) -> Position:
        """Give the position before everything that may still be committed."""
        with self._session() as session:
            return Position(_horizon(session))

    def after(self, position: Position, wanted: EventFilter, limit: int) -> Told:
        """Give the first changes after a position."""
        with self._session() as session:
            horizon = _horizon(session)
            found = sorted(_events(session, position, horizon, wanted, limit))[:limit]
            if len(found) == limit:
                return Told(found, found[-1].position, is_all=False)
            return Told(found, max(position, Position(horizon)), is_all=not _is_held_back(session, horizon))


_NSVC = (ModuleBuild.name, ModuleBuild.stream, ModuleBuild.version, ModuleBuild.context)


def _horizon(session: Session) -> int:
    """Give the oldest transaction that is still open: all before it have ended, and are seen by later statements."""
    xmin = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return int(session.execute(select(cast(cast(xmin, Text), BigInteger))).scalar_one())


def _is_held_back(session: Session, horizon: int) -> bool:
    newest = (select(func.max(table.transaction)).scalar_subquery() for table in (ModuleTrace, ComponentTrace))
    return any(last is not None and last >= horizon for last in session.execute(select(*newest)).one())


def _events(session: Session, position: Position, horizon: int, wanted: EventFilter, limit: int) -> Iterator[Event]:
    for kind, query in ((MODULE, _modules(wanted)), (COMPONENT, _components(wanted))):
        trace = ModuleTrace if kind == MODULE else ComponentTrace
        begin = tuple_(trace.transaction, literal(kind), trace.id) > tuple_(*map(literal, position))
        within = query.where(trace.transaction >= position.transaction, trace.transaction < horizon, begin)
        rows = session.execute(within.order_by(trace.transaction, trace.id).limit(limit)).all()
        for transaction, trace_id, time, state, reason, build_id, *nsvc, owner, component_id, package, task_id in rows:
            place = Position(transaction, kind, trace_id)
            yield Event(place, time, state, reason, build_id, NSVC(*nsvc), owner, component_id, package, task_id)


def _modules(wanted: EventFilter) -> Select[Any]:
    trace, nothing = ModuleTrace, (literal(None), literal(None), literal(None))
    query = select(*_change(trace), ModuleBuild.id, *_NSVC, ModuleBuild.owner, *nothing)
    states = trace.state.in_(wanted.states) if wanted.states else true()
    return query.join(ModuleBuild, ModuleBuild.id == trace.build_id).where(states, *_passing(wanted))


def _components(wanted: EventFilter) -> Select[Any]:
    trace, component = ComponentTrace, ComponentBuild
    own = (component.id, component.name, trace.task_id)
    query = select(*_change(trace), ModuleBuild.id, *_NSVC, ModuleBuild.owner, *own)
    joined = query.join(component, component.id == trace.component_id).join(ModuleBuild)
    return joined.where(literal(not wanted.states), *_passing(wanted))


def _change(trace: Any) -> tuple[Any, ...]:  # noqa: ANN401 - either table
    return trace.transaction, trace.id, trace.time, trace.state, trace.reason


def _passing(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    yield literal(not wanted.impossible)
    for column, value in (
        (ModuleBuild.id, wanted.build_id),
        (ModuleBuild.name, wanted.name),
        (ModuleBuild.owner, wanted.owner),
    ):
        if value is not None:
            yield column == value
