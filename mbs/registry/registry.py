"""The registry of module builds: the one object that the rest of the service asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Engine, create_engine, delete, func, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from mbs.model.errors import Conflict, InvalidRequest, NotFound, Problem
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, from_json
from mbs.model.registered import RegisteredModule
from mbs.model.states import ModuleState
from mbs.registry import builds, components, imports
from mbs.registry import recording as submission
from mbs.registry.components import LockedComponent
from mbs.registry.models import ComponentBuild, ComponentTrace, FinalDocument, Message, ModuleBuild, ModuleTrace
from mbs.registry.recording import Identity
from mbs.registry.rows import (
    BuildFilter,
    BundleEntry,
    ComponentFilter,
    ComponentListing,
    ComponentRow,
    DocumentRow,
    Finished,
    Imported,
    Listing,
    MessageRow,
    ModuleBuildRow,
    Page,
    StoredPlan,
    TraceRow,
    component_row,
    module_build_row,
    nsvc_of,
)
from mbs.registry.unavailable import known_when_unavailable


def engine_for(url: str) -> Engine:
    """Make an engine for a PostgreSQL URL of any spelling; connections that died meanwhile are noticed before use.

    Raises InvalidRequest, without the URL, which may hold a password, where it is none.
    """
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        parsed = URL.create("unknown")
    if parsed.get_backend_name() != "postgresql":
        msg = "The address of the registry is no URL of a PostgreSQL database: write postgresql://user@host:port/name."
        raise InvalidRequest(msg)
    return create_engine(parsed.set(drivername="postgresql+psycopg2"), pool_pre_ping=True)


class Registry:
    """Module builds and their components in PostgreSQL. Thread-safe; share one per process, make another after a fork.

    Every method is a transaction of its own. A database that does not answer raises RegistryUnavailable.
    """

    def __init__(self, engine: Engine, *, lock_timeout: float = 300.0) -> None:
        """Take an engine; `lock_timeout` seconds is how long a task waits for a component another one decides about."""
        self.engine = engine
        self._lock_timeout = lock_timeout

    # Submission and import

    @contextmanager
    def recording(
        self, identities: Sequence[Identity], *, by: str, key: str | None = None
    ) -> Iterator[submission.Recording]:
        """Record or resume all contexts of a submission, or none; raise Conflict when all exist (MBS §3.11, §17.5).

        The caller stores a build for each allocation. What is asked for again under the same `key` is not recorded
        again; it has what it had.
        """
        with self._transaction() as session, submission.recording(session, identities, by=by, key=key) as recording:
            yield recording

    def recorded_before(self, key: str) -> tuple[submission.Recorded, ...] | None:
        """Give what the submission with this key was recorded as; None where it was not."""
        with self._transaction() as session:
            return submission.recorded_before(session, key)

    def import_module(
        self, module: RegisteredModule, *, base_module_names: Sequence[str], by: str = imports.OWNER
    ) -> Imported:
        """Register a base module or a module finished elsewhere, or replace it (MBS §6.4)."""
        with self._transaction() as session:
            return imports.import_module(session, module, by=by, base_module_names=base_module_names)

    def import_modules(
        self,
        modules: Sequence[RegisteredModule],
        *,
        base_module_names: Sequence[str],
        by: str = imports.OWNER,
        skip_invalid: bool = False,
    ) -> tuple[tuple[Imported, ...], tuple[Problem, ...]]:
        """Register many, all or none; with `skip_invalid` those that can be, and a problem for each other.

        Raises Conflict where one is being built here.
        """
        with self._transaction() as session:
            done, problems = imports.import_modules(session, modules, by=by, base_module_names=base_module_names)
            if problems and not skip_invalid:
                raise Conflict.of(problems)
            return done, problems

    # Module builds

    def build(self, key: int | NSVC) -> ModuleBuildRow:
        """Give one module build; raise NotFound."""
        with self._transaction() as session:
            return module_build_row(builds.get(session, key))

    def find(self, wanted: BuildFilter | None = None, page: Page | None = None) -> Listing:
        """Give a page of the module builds that pass a filter."""
        where, page = tuple(builds.conditions(wanted or BuildFilter())), page or Page()
        with self._transaction() as session:
            total = session.scalar(select(func.count()).select_from(ModuleBuild).where(*where)) or 0
            query = select(ModuleBuild).where(*where).order_by(*builds.ordering(page))
            found = session.scalars(query.limit(page.size).offset((page.number - 1) * page.size))
            return Listing(tuple(module_build_row(build) for build in found), total)

    def transition(self, build_id: int, state: ModuleState, reason: str | None, by: str) -> ModuleBuildRow:
        """Change a build's state and trace it; the state it has already is no change; raise ForbiddenTransition."""
        with self._transaction() as session:
            build = builds.get(session, build_id, lock=True)
            builds.change_state(session, build, state, reason, by)
            session.flush()
            return module_build_row(build)

    def explain(self, build_id: int, state: ModuleState, reason: str, by: str) -> None:
        """Give a build that is in this state another reason for it; one that has gone on keeps its own."""
        with self._transaction() as session:
            build = builds.get(session, build_id, lock=True)
            if build.state is state and build.state_reason != reason:
                build.state_reason = reason
                builds.trace(session, build, by)

    def restart(self, build_id: int) -> None:
        """Let a build whose run was lost have another one."""
        with self._transaction() as session:
            builds.restart(builds.get(session, build_id, lock=True))

    def retire(self, key: int | NSVC, *, by: str) -> ModuleBuildRow:
        """Make a ready build garbage: neither a dependency nor reused any more."""
        return self.transition(self.build(key).id, ModuleState.GARBAGE, "Module build retired", by)

    def siblings(self, build_id: int) -> tuple[int, ...]:
        """Give the ids of the build's other contexts."""
        with self._transaction() as session:
            return builds.sibling_ids(session, builds.get(session, build_id))

    def unfinished_siblings(self, modules: Collection[NSVC]) -> tuple[ModuleBuildRow, ...]:
        """Give the other contexts of `modules` (same name, stream and version) that are still being built."""
        with self._transaction() as session:
            return builds.unfinished_siblings(session, modules)

    def count_by_state(self) -> dict[ModuleState, int]:
        """Count the module builds of each state that occurs."""
        with self._transaction() as session:
            return builds.count_by_state(session)

    def trace(self, build_id: int) -> tuple[TraceRow, ...]:
        """Give every change of state of a build, oldest first."""
        query = select(ModuleTrace).where(ModuleTrace.build_id == build_id).order_by(ModuleTrace.id)
        with self._transaction() as session:
            return tuple(TraceRow(row.time, row.state, row.reason, row.by) for row in session.scalars(query))

    # Plans and documents

    def plan(self, build_id: int) -> BuildPlan:
        """Give the plan of a submitted build; raise UnreadablePlan, or NotFound for one that was imported."""
        with self._transaction() as session:
            build = builds.get(session, build_id)
            if build.plan is None:
                msg = f"Module build {build_id} was imported, so it has no plan."
                raise NotFound(msg)
            return from_json(build.plan, build=f"{build_id} ({nsvc_of(build)})")

    def modulemd(self, build_id: int) -> str:
        """Give the expanded document, with `xmd.mbs`."""
        with self._transaction() as session:
            return builds.get(session, build_id).modulemd

    def source_modulemd(self, build_id: int) -> str | None:
        """Give what was submitted, verbatim; None for an import."""
        with self._transaction() as session:
            return builds.get(session, build_id).source_modulemd

    def store_documents(self, build_id: int, documents: Sequence[DocumentRow]) -> None:
        """Keep the final documents of a build in place of those that were kept before."""
        with self._transaction() as session:
            session.execute(delete(FinalDocument).where(FinalDocument.build_id == build_id))
            session.add_all(FinalDocument(build_id=build_id, **asdict(document)) for document in documents)

    def documents(self, build_id: int) -> tuple[DocumentRow, ...]:
        """Give the final documents of a build by name and arch; none before everything is built."""
        query = select(FinalDocument).where(FinalDocument.build_id == build_id)
        with self._transaction() as session:
            found = session.scalars(query.order_by(FinalDocument.name, FinalDocument.arch))
            return tuple(DocumentRow(row.name, row.arch, row.text) for row in found)

    def unfinished_builds(self, *, finished_within: timedelta = timedelta(0)) -> tuple[BundleEntry, ...]:
        """Give every build that has a DAG now, cheaply: one indexed query without the long texts.

        `finished_within` keeps those that ended not longer ago. Compare `token` with the last answer's and fetch the
        texts of what changed with `stored_plans`.
        """
        with self._transaction() as session:
            return builds.bundle_entries(session, finished_within)

    def stored_plans(self, ids: Sequence[int]) -> tuple[StoredPlan, ...]:
        """Give the plans (JSON, unread) and documents of several builds."""
        with self._transaction() as session:
            return builds.stored_plans(session, tuple(ids))

    # Components

    def components(self, build_id: int) -> tuple[ComponentRow, ...]:
        """Give a build's components by batch, heaviest first, then by name."""
        with self._transaction() as session:
            return components.all_of(session, build_id)

    def find_components(self, wanted: ComponentFilter, page: Page | None = None) -> ComponentListing:
        """Give a page of the components that pass a filter."""
        where, page = tuple(components.conditions(wanted)), page or Page()
        with self._transaction() as session:
            total = session.scalar(select(func.count()).select_from(ComponentBuild).where(*where)) or 0
            query = select(ComponentBuild).where(*where).order_by(*builds.ordering(page, ComponentBuild))
            found = session.scalars(query.limit(page.size).offset((page.number - 1) * page.size))
            return ComponentListing(tuple(component_row(component) for component in found), total)

    def component(self, build_id: int, name: str) -> AbstractContextManager[LockedComponent]:
        """Hold a component: exactly one task at a time decides about it. Keep it short; never across a wait."""
        return components.locked(self.engine, build_id, name, timeout=self._lock_timeout)

    def finish_many(self, build_id: int, outcomes: Mapping[str, Finished]) -> tuple[str, ...]:
        """Record the ends of many components at once; give the names whose state changed."""
        with self._transaction() as session:
            return components.finish_many(session, build_id, outcomes)

    def mark_tagged(self, build_id: int, names: Sequence[str], *, build: bool = False, final: bool = False) -> None:
        """Record that builds are in the build tag and/or in the module's own tag."""
        with self._transaction() as session:
            components.mark_tagged(session, build_id, names, build=build, final=final)

    def mark_untagged(self, build_id: int) -> None:
        """Record that no build of a module is in its tags any more."""
        with self._transaction() as session:
            mine = update(ComponentBuild).where(ComponentBuild.build_id == build_id)
            session.execute(mine.values(tagged=False, tagged_in_final=False))

    def last_changes(self, build_ids: Sequence[int]) -> dict[int, datetime]:
        """Give the time of the last change of a component, by build; builds without one are left out."""
        query = (
            select(ComponentBuild.build_id, func.max(ComponentTrace.time))
            .join(ComponentTrace, ComponentTrace.component_id == ComponentBuild.id)
            .where(ComponentBuild.build_id.in_(build_ids))
            .group_by(ComponentBuild.build_id)
        )
        with self._transaction() as session:
            return {build_id: time for build_id, time in session.execute(query).all()}  # noqa: C416 - rows are no pairs to the type checker

    def component_trace(self, component_id: int) -> tuple[TraceRow, ...]:
        """Give every change of state of a component, oldest first."""
        query = select(ComponentTrace).where(ComponentTrace.component_id == component_id).order_by(ComponentTrace.id)
        with self._transaction() as session:
            return tuple(
                TraceRow(row.time, row.state, row.reason, task_id=row.task_id) for row in session.scalars(query)
            )

    # Reuse and messages

    def reuse_candidates(self, name: str, stream: str) -> tuple[ModuleBuildRow, ...]:
        """Give the ready builds of a stream that came from an SCM, last completed first (MBS §15.1)."""
        query = select(ModuleBuild).where(
            ModuleBuild.name == name,
            ModuleBuild.stream == stream,
            ModuleBuild.state == ModuleState.READY,
            ModuleBuild.scmurl.is_not(None),
        )
        with self._transaction() as session:
            found = session.scalars(query.order_by(ModuleBuild.time_completed.desc(), ModuleBuild.id.desc()))
            return tuple(module_build_row(build) for build in found)

    def reuse_from(self, build_id: int, previous_id: int) -> None:
        """Keep which earlier build components are taken from."""
        with self._transaction() as session:
            builds.get(session, build_id, lock=True).reuse_from_id = previous_id

    def note(self, build_id: int, message: str, *, component_id: int | None = None) -> None:
        """Leave a message for people."""
        with self._transaction() as session:
            session.add(Message(build_id=build_id, component_id=component_id, message=message))

    def note_once(self, build_id: int, messages: Mapping[int | None, str]) -> None:
        """Leave messages by component id (None: about the build), except those that are there already."""
        query = select(Message.component_id, Message.message).where(Message.build_id == build_id)
        with self._transaction() as session:
            known = {(row.component_id, row.message) for row in session.execute(query)}
            session.add_all(
                Message(build_id=build_id, component_id=component_id, message=message)
                for component_id, message in messages.items()
                if (component_id, message) not in known
            )

    def messages(self, build_id: int, *, component_id: int | None = None) -> tuple[MessageRow, ...]:
        """Give the messages about a build, or about one of its components, newest first."""
        query = select(Message).where(Message.build_id == build_id).order_by(Message.id.desc())
        if component_id is not None:
            query = query.where(Message.component_id == component_id)
        with self._transaction() as session:
            return tuple(MessageRow(row.id, row.component_id, row.time, row.message) for row in session.scalars(query))

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with known_when_unavailable(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
