"""Components: one task at a time decides about one, and what it decides is committed at once.

A component's tasks (one per arch) run on several machines at the same time. Each takes the component's lock, reads
what is recorded, acts, records. The lock is a PostgreSQL advisory lock of the task's own connection: the server gives
it back when the process or the connection dies, and a task whose connection is gone can record nothing either.
Connections must therefore not go through a pooler in transaction mode.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Text,
    Update,
    cast,
    column,
    false,
    func,
    insert,
    or_,
    select,
    text,
    update,
    values,
)
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from mbs.model.errors import NotFound, RegistryUnavailable
from mbs.model.states import ComponentState, check_component
from mbs.registry.models import COMPONENT_STATE, ComponentBuild, ComponentTrace
from mbs.registry.rows import ComponentFilter, ComponentRow, Finished, Listing, Page, TraceRow, component_row
from mbs.registry.session import Group, known_when_unavailable, page_of

_LOCKS_OF_COMPONENTS = 0x6D62 << 48
"""Advisory locks share one space per database; ours start here, plus the component's id."""

_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock_timeout."""

_ENDED = frozenset({ComponentState.FAILED, ComponentState.CANCELED})


class Components(Group):
    """Components of module builds. What one task at a time decides about is changed under `Registry.component`."""

    def of(self, build_id: int) -> tuple[ComponentRow, ...]:
        """Give a build's components by batch, heaviest first, then by name."""
        query = select(ComponentBuild).where(ComponentBuild.build_id == build_id)
        ordered = query.order_by(ComponentBuild.batch, ComponentBuild.weight.desc(), ComponentBuild.name)
        with self._session() as session:
            return tuple(component_row(component) for component in session.scalars(ordered))

    def find(self, wanted: ComponentFilter, page: Page | None = None) -> Listing[ComponentRow]:
        """Give a page of the components that pass a filter; raise InvalidRequest for an order that there is not."""
        with self._session() as session:
            return page_of(session, ComponentBuild, conditions(wanted), page or Page(), component_row)

    def finish(self, build_id: int, outcomes: Mapping[str, Finished]) -> tuple[str, ...]:
        """Record the ends of many components of one build; give the names whose state changed.

        Three statements whatever the number of components. Meant for what no task decides about any more (a gate, what
        is taken over): it locks the rows, not the components.
        """
        query = select(ComponentBuild.id, ComponentBuild.name, ComponentBuild.state).where(
            ComponentBuild.build_id == build_id, ComponentBuild.name.in_(outcomes)
        )
        with self._session() as session:
            found = session.execute(query.order_by(ComponentBuild.id).with_for_update()).all()
            changed = {
                row.id: outcomes[row.name]
                for row in found
                if check_component(row.name, row.state, outcomes[row.name].state)
            }
            if changed:
                session.execute(_update_all(changed))
                session.execute(_traced(changed))
        return tuple(row.name for row in found if row.id in changed)

    def mark_tagged(self, build_id: int, names: Sequence[str], *, build: bool = False, final: bool = False) -> None:
        """Record in one statement that builds of these components are in the build tag and/or the module's own tag."""
        flags = {name: True for name, wanted in (("tagged", build), ("tagged_in_final", final)) if wanted}
        if flags and names:
            mine = (ComponentBuild.build_id == build_id, ComponentBuild.name.in_(names))
            with self._session() as session:
                session.execute(update(ComponentBuild).where(*mine).values(flags))

    def mark_untagged(self, build_id: int) -> None:
        """Record that no build of a module is in its tags any more."""
        mine = update(ComponentBuild).where(ComponentBuild.build_id == build_id)
        with self._session() as session:
            session.execute(mine.values(tagged=False, tagged_in_final=False))

    def last_changes(self, build_ids: Sequence[int]) -> dict[int, datetime]:
        """Give the time of the last change of a component, by build; builds without one are left out."""
        query = (
            select(ComponentBuild.build_id, func.max(ComponentTrace.time))
            .join(ComponentTrace, ComponentTrace.component_id == ComponentBuild.id)
            .where(ComponentBuild.build_id.in_(build_ids))
            .group_by(ComponentBuild.build_id)
        )
        with self._session() as session:
            return {build_id: time for build_id, time in session.execute(query).all()}  # noqa: C416 - rows are no pairs to the type checker

    def trace(self, component_id: int) -> tuple[TraceRow, ...]:
        """Give every change of state of a component, oldest first."""
        query = select(ComponentTrace).where(ComponentTrace.component_id == component_id).order_by(ComponentTrace.id)
        with self._session() as session:
            return tuple(
                TraceRow(row.time, row.state, row.reason, task_id=row.task_id) for row in session.scalars(query)
            )


class LockedComponent:
    """A component under its lock. Each method is one committed transaction; `row` is what is recorded now."""

    def __init__(self, session: Session, row: ComponentRow) -> None:
        """Made by `Registry.component` only."""
        self._session = session
        self.row = row

    def intend(self) -> ComponentRow:
        """Record that a submission is about to be made: BEFORE Koji is called, so that a crash leaves a trace.

        Whoever finds `row.intent` later looks in Koji for the build before making another one.
        """
        check_component(self.row.name, self.row.state, ComponentState.BUILDING)
        return self._write(attempt=ComponentBuild.attempt + 1, intent_time=datetime.now(UTC))

    def submitted(self, task_id: int) -> ComponentRow:
        """Record the Koji task that builds it (state BUILDING); also of a task that was found and adopted."""
        return self._become(ComponentState.BUILDING, task_id=task_id, intent_time=None, state_reason=None)

    def finished(
        self,
        state: ComponentState,
        nvr: str | None = None,
        reason: str | None = None,
        *,
        task_id: int | None = None,
        koji_build_id: int | None = None,
        reused_from: int | None = None,
    ) -> ComponentRow:
        """Record the end; also at once for a build that was adopted, reused or refused. None keeps what is known."""
        return self._become(state, **_known(Finished(state, nvr, reason, task_id, koji_build_id, reused_from)))

    def reset(self, reason: str | None = None) -> ComponentRow:
        """Forget a build that ended without success (or is gone), so that the next task may submit again.

        The Koji task stays readable in the trace.
        """
        return self._become(None, state_reason=reason, **_FORGOTTEN)

    def resumed(self) -> ComponentRow:
        """Record that Koji goes on with the build that was recorded as ended: forgotten and submitted again in one."""
        check_component(self.row.name, self.row.state, None)
        return self._write(state=ComponentState.BUILDING, state_reason=None)

    def tagged(self, *, build: bool | None = None, final: bool | None = None) -> ComponentRow:
        """Record that its build is in the build tag, in the module's tag; None leaves the flag alone."""
        flags = {"tagged": build, "tagged_in_final": final}
        return self._write(**{name: value for name, value in flags.items() if value is not None})

    def _become(self, state: ComponentState | None, **values: object) -> ComponentRow:
        if check_component(self.row.name, self.row.state, state):
            values["state"] = state
        return self._write(**values)

    def _write(self, **values: object) -> ComponentRow:
        before = self.row
        component = self._session.get_one(ComponentBuild, before.id, populate_existing=True)
        for name, value in values.items():
            setattr(component, name, value)
        self._session.flush()
        self._session.refresh(component)
        self.row = component_row(component)
        if self.row.state is not before.state:
            task_id = self.row.task_id if self.row.state is not None else before.task_id
            self._session.add(
                ComponentTrace(component_id=before.id, state=self.row.state, reason=self.row.reason, task_id=task_id)
            )
        self._session.commit()
        return self.row


_FORGOTTEN: Mapping[str, Any] = {
    "intent_time": None,
    "task_id": None,
    "koji_build_id": None,
    "nvr": None,
    "tagged": False,
    "tagged_in_final": False,
    "reused_from_id": None,
}


@contextmanager
def locked(engine: Engine, build_id: int, name: str, *, timeout: float) -> Iterator[LockedComponent]:
    """Hold the lock of a component; waits `timeout` seconds for another holder, then raises RegistryUnavailable."""
    with known_when_unavailable(), engine.connect() as connection:
        component_id = _component_id(connection, build_id, name)
        _lock(connection, component_id, timeout, what=name)
        try:
            with Session(connection, expire_on_commit=False) as session:
                row = component_row(session.get_one(ComponentBuild, component_id))
                session.commit()
                yield LockedComponent(session, row)
        finally:
            _unlock(connection, component_id)


def conditions(wanted: ComponentFilter) -> Iterator[ColumnElement[bool]]:
    """Give the conditions of a filter."""
    for name in ("build_id", "name", "task_id", "nvr", "ref", "batch", "tagged"):
        value = getattr(wanted, name)
        if value is not None:
            yield getattr(ComponentBuild, name) == value
    if wanted.states:
        named = [state for state in wanted.states if state is not None]
        waiting = ComponentBuild.state.is_(None) if None in wanted.states else false()
        yield or_(ComponentBuild.state.in_(named), waiting)


def reset_unfinished(session: Session, build_id: int) -> tuple[str, ...]:
    """Prepare a resume: what failed or was canceled waits again, what is complete or running stays (MBS §17.5)."""
    query = select(ComponentBuild).where(ComponentBuild.build_id == build_id, ComponentBuild.state.in_(_ENDED))
    components = session.scalars(query.with_for_update()).all()
    for component in components:
        session.add(ComponentTrace(component_id=component.id, state=None, task_id=component.task_id))
        component.state, component.state_reason = None, None
        for name, value in _FORGOTTEN.items():
            setattr(component, name, value)
    return tuple(component.name for component in components)


def _traced(changed: Collection[int]) -> Insert:
    now = select(ComponentBuild.id, ComponentBuild.state, ComponentBuild.state_reason, ComponentBuild.task_id)
    return insert(ComponentTrace).from_select(
        ["component_id", "state", "reason", "task_id"], now.where(ComponentBuild.id.in_(changed))
    )


def _update_all(outcomes: Mapping[int, Finished]) -> Update:
    end = values(
        column("id", BigInteger),
        column("state", COMPONENT_STATE),
        column("nvr", Text),
        column("reason", Text),
        column("task_id", BigInteger),
        column("koji_build_id", BigInteger),
        column("reused_from", BigInteger),
        name="outcome",
    ).data([(key, *astuple(outcome)) for key, outcome in outcomes.items()])
    return (
        update(ComponentBuild)
        .where(ComponentBuild.id == end.c.id)
        .values(
            state=end.c.state,
            state_reason=cast(end.c.reason, Text),
            intent_time=None,
            nvr=func.coalesce(cast(end.c.nvr, Text), ComponentBuild.nvr),
            task_id=func.coalesce(cast(end.c.task_id, BigInteger), ComponentBuild.task_id),
            koji_build_id=func.coalesce(cast(end.c.koji_build_id, BigInteger), ComponentBuild.koji_build_id),
            reused_from_id=func.coalesce(cast(end.c.reused_from, BigInteger), ComponentBuild.reused_from_id),
        )
        .execution_options(synchronize_session=False)
    )


def _known(outcome: Finished) -> dict[str, object]:
    facts = {
        "nvr": outcome.nvr,
        "task_id": outcome.task_id,
        "koji_build_id": outcome.koji_build_id,
        "reused_from_id": outcome.reused_from,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return {**known, "state_reason": outcome.reason, "intent_time": None}


def _component_id(connection: Connection, build_id: int, name: str) -> int:
    query = select(ComponentBuild.id).where(ComponentBuild.build_id == build_id, ComponentBuild.name == name)
    found = connection.execute(query).scalar_one_or_none()
    connection.commit()
    if found is None:
        msg = f"There is no component {name} in module build {build_id}."
        raise NotFound(msg)
    return found


def _lock(connection: Connection, component_id: int, timeout: float, *, what: str) -> None:
    wait = text("SELECT set_config('lock_timeout', :limit, true)")
    connection.execute(wait, {"limit": f"{round(timeout * 1000)}ms"})
    try:
        connection.execute(select(func.pg_advisory_lock(_LOCKS_OF_COMPONENTS + component_id)))
    except OperationalError as error:
        connection.rollback()
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        msg = f"Component {what} is being decided about by another task for more than {timeout:g} s; try again later."
        raise RegistryUnavailable(msg) from error
    connection.commit()


def _unlock(connection: Connection, component_id: int) -> None:
    """Give the lock back; a connection that cannot is thrown away, and the server frees the lock with it."""
    try:
        connection.rollback()
        connection.execute(select(func.pg_advisory_unlock(_LOCKS_OF_COMPONENTS + component_id)))
        connection.commit()
    except DBAPIError:
        connection.invalidate()
