"""Components: what is recorded of each, in short transactions that hold the rows which are decided about.

A component's tasks (one per arch) may be run by several holders at the same time. Whoever decides holds its row until
the end of the transaction, and never calls Koji in it: what is about to be done there is recorded first, as an intent
and with who claims it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Insert,
    Text,
    Update,
    cast,
    column,
    func,
    insert,
    select,
    update,
    values,
)
from sqlalchemy.orm import Session

from mbs.model.errors import NotFound
from mbs.model.states import ComponentState, check_component
from mbs.registry import filters
from mbs.registry.models import COMPONENT_STATE, ComponentBuild, ComponentTrace
from mbs.registry.rows import ComponentFilter, ComponentRow, Finished, Followed, Listing, Page, TraceRow, component_row
from mbs.registry.session import Group, page_of

_HOLD_MILLISECONDS = 20_000
"""How long rows may be held by a process that was stopped, and how long they are waited for."""

_LIMITS = ("lock_timeout", "idle_in_transaction_session_timeout")

_ENDED = frozenset({ComponentState.FAILED, ComponentState.CANCELED})


class Components(Group):
    """Components of module builds. What one task at a time decides about is held (`hold`)."""

    def of(self, build_id: int) -> tuple[ComponentRow, ...]:
        """Give a build's components by batch, heaviest first, then by name."""
        query = select(ComponentBuild).where(ComponentBuild.build_id == build_id)
        ordered = query.order_by(ComponentBuild.batch, ComponentBuild.weight.desc(), ComponentBuild.name)
        with self._session() as session:
            return tuple(component_row(component) for component in session.scalars(ordered))

    def hold(self, build_id: int, names: Collection[str]) -> dict[str, HeldComponent]:
        """Give components by name and hold their rows until the end of the transaction; raise NotFound.

        Whoever holds them is short, or loses the transaction; whoever waits too long raises RegistryUnavailable.
        """
        query = select(ComponentBuild, func.clock_timestamp()).where(
            ComponentBuild.build_id == build_id, ComponentBuild.name.in_(names)
        )
        limits = (func.set_config(name, str(_HOLD_MILLISECONDS), True) for name in _LIMITS)  # PostgreSQL's own form
        with self._session() as session:
            session.execute(select(*limits))
            rows = session.execute(
                query.order_by(ComponentBuild.id)
                .with_for_update(of=ComponentBuild)
                .execution_options(populate_existing=True)
            ).all()
            held = {component.name: HeldComponent(session, component, now) for component, now in rows}
        if lost := sorted(set(names) - held.keys()):
            msg = f"There is no component {', '.join(lost)} in module build {build_id}."
            raise NotFound(msg)
        return held

    def known_tasks(self, component_ids: Collection[int]) -> frozenset[int]:
        """Give the Koji tasks that were recorded for these components at any time."""
        query = select(ComponentTrace.task_id).where(
            ComponentTrace.component_id.in_(component_ids), ComponentTrace.task_id.is_not(None)
        )
        with self._session() as session:
            return frozenset(task_id for task_id in session.scalars(query) if task_id is not None)

    def find(self, wanted: ComponentFilter, page: Page | None = None) -> Listing[ComponentRow]:
        """Give a page of the components that pass a filter; raise InvalidRequest for an order that there is not."""
        with self._session() as session:
            return page_of(session, ComponentBuild, filters.of_components(wanted), page or Page(), component_row)

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


class HeldComponent:
    """A component whose row is held until the end of the transaction, with which all of its changes are committed."""

    def __init__(self, session: Session, component: ComponentBuild, now: datetime) -> None:
        """Made by `Components.hold` only; `now` is the time of the database."""
        self._session = session
        self._component = component
        self._now = now

    @property
    def row(self) -> ComponentRow:
        """What is recorded, with the changes of this transaction."""
        return component_row(self._component)

    def claimed_by_another(self, holder: str, within: timedelta) -> bool:
        """Tell whether somebody else has claimed the intended submission lately, and may be about to make it."""
        claimed = self._component.claimed_at
        young = claimed is not None and claimed > self._now - within
        return young and self.row.intent and self._component.claimed_by != holder

    def intend(self, by: str) -> None:
        """Record that a submission is about to be made by a holder: BEFORE Koji is called, so that a crash is known.

        Whoever finds `row.intent` later looks in Koji for what was made since then; a claim leaves that time as it is.
        """
        check_component(self.row.name, self.row.state, ComponentState.BUILDING)
        claim = {"claimed_by": by, "claimed_at": self._now}
        if self._component.intent_time is None:
            claim |= {"attempt": self._component.attempt + 1, "intent_time": self._now}
        self._write(**claim)

    def submitted(self, task_id: int) -> None:
        """Record the Koji task that builds it (state BUILDING); also of a task that was found and adopted."""
        self._become(ComponentState.BUILDING, task_id=task_id, state_reason=None, **_UNCLAIMED)

    def follow(self, arch: str, followed: Followed) -> None:
        """Record what the task of an arch follows; in one run the first round stays."""
        known = self.row.followed.get(arch)
        if known is not None and known.task_id == followed.task_id:
            if known.run_started == followed.run_started:
                return
            followed = replace(followed, arch_task_id=known.arch_task_id)
        self._write(followed={**self._component.followed, arch: followed.stored()})

    def builds_arch(self, arch: str, arch_task_id: int) -> None:
        """Record the Koji task that builds an arch which is followed."""
        known = self.row.followed.get(arch)
        if known is not None:
            found = replace(known, arch_task_id=arch_task_id)
            self._write(followed={**self._component.followed, arch: found.stored()})

    def finished(
        self,
        state: ComponentState,
        nvr: str | None = None,
        reason: str | None = None,
        *,
        task_id: int | None = None,
        koji_build_id: int | None = None,
        reused_from: int | None = None,
    ) -> None:
        """Record the end; also at once for a build that was adopted, reused or refused. None keeps what is known."""
        self._become(state, **_known(Finished(state, nvr, reason, task_id, koji_build_id, reused_from)))

    def reset(self, reason: str | None = None) -> None:
        """Forget a build that ended without success (or is gone), so that the next task may submit again.

        The Koji task stays readable in the trace.
        """
        self._become(None, state_reason=reason, **_FORGOTTEN)

    def resumed(self) -> None:
        """Record that Koji goes on with the build that was recorded as ended: forgotten and submitted again in one."""
        check_component(self.row.name, self.row.state, None)
        self._write(state=ComponentState.BUILDING, state_reason=None)

    def _become(self, state: ComponentState | None, **values: object) -> None:
        if check_component(self.row.name, self.row.state, state):
            values["state"] = state
        self._write(**values)

    def _write(self, **values: object) -> None:
        component, before, task_id = self._component, self._component.state, self._component.task_id
        for name, value in values.items():
            setattr(component, name, value)
        if component.state is not before:
            traced = component.task_id if component.state is not None else task_id
            self._session.add(
                ComponentTrace(
                    component_id=component.id, state=component.state, reason=component.state_reason, task_id=traced
                )
            )
            self._session.flush()


_UNCLAIMED: Mapping[str, Any] = {"intent_time": None, "claimed_by": None, "claimed_at": None}

_FORGOTTEN: Mapping[str, Any] = {
    **_UNCLAIMED,
    "task_id": None,
    "koji_build_id": None,
    "nvr": None,
    "tagged": False,
    "tagged_in_final": False,
    "reused_from_id": None,
}


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
            **_UNCLAIMED,
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
    return {**known, "state_reason": outcome.reason, **_UNCLAIMED}
