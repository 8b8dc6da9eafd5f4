"""Module builds: reading them, and changing their states. Functions work inside the caller's session."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import Boolean, ColumnElement, and_, func, literal_column, or_, select, tuple_, update
from sqlalchemy.orm import Session

from mbs.model.document import DEVEL_SUFFIX
from mbs.model.errors import NotFound
from mbs.model.naming import koji_build
from mbs.model.nsvc import NSVC
from mbs.model.states import ModuleState, check_module
from mbs.model.users import By, origin_of
from mbs.registry import filters
from mbs.registry.models import UNFINISHED_SQL, ModuleBuild, ModuleTrace
from mbs.registry.rows import (
    BuildFilter,
    BundleEntry,
    Listing,
    ModuleBuildRow,
    Page,
    TraceRow,
    module_build_row,
    nsvc_of,
)
from mbs.registry.session import Group, page_of

_COMPLETED = frozenset({ModuleState.DONE, ModuleState.FAILED, ModuleState.READY})
_SETTLED = (ModuleState.FAILED, ModuleState.READY, ModuleState.GARBAGE)


class Builds(Group):
    """Module builds and their states."""

    def get(self, key: int | NSVC) -> ModuleBuildRow:
        """Give one module build; raise NotFound."""
        with self._session() as session:
            return module_build_row(stored(session, key))

    def find(self, wanted: BuildFilter | None = None, page: Page | None = None) -> Listing[ModuleBuildRow]:
        """Give a page of the module builds that pass a filter; raise InvalidRequest for an order that there is not."""
        where = filters.of_builds(wanted or BuildFilter())
        with self._session() as session:
            return page_of(session, ModuleBuild, where, page or Page(), module_build_row)

    def steady(self, build_id: int) -> ModuleBuildRow:
        """Give one module build whose state nobody changes until the end of the transaction; raise NotFound."""
        with self._session() as session:
            return module_build_row(stored(session, build_id, share=True))

    def stop(self, build_id: int, reason: str, by: By, *, states: Collection[ModuleState]) -> ModuleBuildRow | None:
        """Let a build in one of these states fail, and trace it; None for one in another state."""
        with self._session() as session:
            build = stored(session, build_id, lock=True)
            if build.state not in states:
                return None
            change_state(session, build, ModuleState.FAILED, reason, by)
            session.flush()
            return module_build_row(build)

    def transition(self, build_id: int, state: ModuleState, reason: str | None, by: By) -> ModuleBuildRow:
        """Change a build's state and trace it; the state it has already is no change; raise ForbiddenTransition."""
        with self._session() as session:
            build = stored(session, build_id, lock=True)
            change_state(session, build, state, reason, by)
            session.flush()
            return module_build_row(build)

    def explain(self, build_id: int, state: ModuleState, reason: str, by: By) -> None:
        """Give a build that is in this state another reason for it; one that has gone on keeps its own."""
        with self._session() as session:
            build = stored(session, build_id, lock=True)
            if build.state is state and build.state_reason != reason:
                build.state_reason = reason
                trace(session, build, by)

    def restart(self, build_id: int) -> None:
        """Let a build whose run was lost have another one."""
        with self._session() as session:
            restart(stored(session, build_id, lock=True))

    def retire(self, build_id: int, *, by: By) -> ModuleBuildRow:
        """Make a ready build garbage: neither a dependency nor reused any more."""
        return self.transition(build_id, ModuleState.GARBAGE, "Module build retired", by)

    def siblings(self, build_id: int) -> tuple[int, ...]:
        """Give the ids of the other contexts of the same name, stream, version and scratch flag."""
        with self._session() as session:
            build = stored(session, build_id)
            query = select(ModuleBuild.id).where(
                ModuleBuild.name == build.name,
                ModuleBuild.stream == build.stream,
                ModuleBuild.version == build.version,
                ModuleBuild.scratch == build.scratch,
                ModuleBuild.id != build.id,
            )
            return tuple(session.scalars(query.order_by(ModuleBuild.id)))

    def unfinished_siblings(self, modules: Collection[NSVC]) -> tuple[ModuleBuildRow, ...]:
        """Give the contexts of the same name, stream and version as one of `modules` that are still being built."""
        versions = {(module.name, module.stream, module.version) for module in modules}
        query = select(ModuleBuild).where(
            tuple_(ModuleBuild.name, ModuleBuild.stream, ModuleBuild.version).in_(sorted(versions)),
            ModuleBuild.state.not_in(_SETTLED),
            ~ModuleBuild.scratch,
        )
        with self._session() as session:
            return tuple(module_build_row(build) for build in session.scalars(query.order_by(ModuleBuild.id)))

    def unfinished(self, *, finished_within: timedelta = timedelta(0)) -> tuple[BundleEntry, ...]:
        """Give every build that has a DAG now, cheaply: one indexed query without the long texts.

        `finished_within` keeps those that ended not longer ago. Compare `token` with the last answer's and fetch the
        texts of what changed with `Documents.plans`.
        """
        with self._session() as session:
            return bundle_entries(session, finished_within)

    def reusable(self, name: str, stream: str) -> tuple[ModuleBuildRow, ...]:
        """Give the ready builds of a stream that came from an SCM, last completed first (MBS §15.1)."""
        query = select(ModuleBuild).where(
            ModuleBuild.name == name,
            ModuleBuild.stream == stream,
            ModuleBuild.state == ModuleState.READY,
            ModuleBuild.scmurl.is_not(None),
        )
        with self._session() as session:
            found = session.scalars(query.order_by(ModuleBuild.time_completed.desc(), ModuleBuild.id.desc()))
            return tuple(module_build_row(build) for build in found)

    def reuse_from(self, build_id: int, previous_id: int) -> None:
        """Keep which earlier build components are taken from."""
        with self._session() as session:
            stored(session, build_id, lock=True).reuse_from_id = previous_id

    def begins_with_new_tags(self, build_id: int) -> None:
        """Keep that Koji had none of the build's tags when they were made: nothing of an earlier try is in them."""
        with self._session() as session:
            stored(session, build_id, lock=True).has_new_tags = True

    def proved(self, build_id: int, repo_id: int) -> None:
        """Keep the newest repository that a gate has waited for."""
        newest = func.greatest(ModuleBuild.repo_id, repo_id)
        with self._session() as session:
            session.execute(update(ModuleBuild).where(ModuleBuild.id == build_id).values(repo_id=newest))

    def count_by_state(self) -> dict[ModuleState, int]:
        """Count the module builds of each state that occurs."""
        with self._session() as session:
            counts = session.execute(select(ModuleBuild.state, func.count()).group_by(ModuleBuild.state))
            return {state: count for state, count in counts.all()}  # noqa: C416 - rows are no pairs to the type checker

    def trace(self, build_id: int) -> tuple[TraceRow, ...]:
        """Give every change of state of a build, oldest first."""
        query = select(ModuleTrace).where(ModuleTrace.build_id == build_id).order_by(ModuleTrace.id)
        with self._session() as session:
            return tuple(
                TraceRow(row.time, row.state, row.reason, row.by, origin=row.origin) for row in session.scalars(query)
            )


def identified_by(key: int | NSVC, build: type[ModuleBuild] = ModuleBuild) -> ColumnElement[bool]:
    """Give the condition for one build, by id or NSVC; `build` may be an alias of the table."""
    if isinstance(key, int):
        return build.id == key
    return and_(
        build.name == key.name, build.stream == key.stream, build.version == key.version, build.context == key.context
    )


def one_at_a_time(session: Session, nsvc: NSVC) -> None:
    """Let nobody else record builds of the same name and stream until the end of the transaction.

    Nor of another whose names in Koji could be the same: these join name and stream by a dash.
    """
    family = f"{nsvc.name}-{nsvc.stream}".replace("_", "-")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(family, 0))))


def namesake(session: Session, nsvc: NSVC, koji_tag: str) -> ModuleBuild | None:
    """Give a build of another module or stream that has this tag, or this build, in Koji.

    `a:b-1` and `a-b:1` have one tag, `a:b-1` and `a:b_1` one build, and the -devel twin of `a` is the module `a-devel`.
    """
    names = (nsvc.name, f"{nsvc.name}{DEVEL_SUFFIX}", nsvc.name.removesuffix(DEVEL_SUFFIX))
    same_build = and_(
        ModuleBuild.name.in_(names),
        func.replace(ModuleBuild.stream, "-", "_") == koji_build(nsvc).version,
        ModuleBuild.version == nsvc.version,
        ModuleBuild.context == nsvc.context,
        ~ModuleBuild.scratch,
    )
    others = and_(or_(ModuleBuild.koji_tag == koji_tag, same_build), ~identified_by(nsvc))
    return session.scalars(select(ModuleBuild).where(others).order_by(ModuleBuild.id).limit(1)).one_or_none()


def stored(session: Session, key: int | NSVC, *, lock: bool = False, share: bool = False) -> ModuleBuild:
    """Give one build by id or NSVC; `lock` holds its row until the end of the transaction, `share` with others."""
    query = select(ModuleBuild).where(identified_by(key))
    held = query.with_for_update(read=not lock) if lock or share else query
    found = session.scalars(held).one_or_none()
    if found is None:
        what = f"number {key}" if isinstance(key, int) else str(key)
        msg = f"There is no module build {what} in the registry."
        raise NotFound(msg)
    return found


def change_state(session: Session, build: ModuleBuild, state: ModuleState, reason: str | None, by: By) -> bool:
    """Change the state of a locked build and trace it; give whether it changed.

    A reason-less change keeps no old reason, unlike MBS: the reason always belongs to the state.
    """
    if not check_module(nsvc_of(build), build.state, state):
        return False
    now = datetime.now(UTC)
    build.state, build.state_reason, build.time_modified = state, reason, now
    build.time_completed = now if state in _COMPLETED else build.time_completed
    trace(session, build, by)
    return True


def trace(session: Session, build: ModuleBuild, by: By) -> None:
    """Write down the state that the build has now."""
    session.add(trace_of(build.id, build.state, build.state_reason, by))


def trace_of(build_id: int, state: ModuleState, reason: str | None, by: By) -> ModuleTrace:
    """Make the row of a state, with who brought it about."""
    return ModuleTrace(build_id=build_id, state=state, reason=reason, by=str(by), origin=origin_of(by))


def bundle_entries(session: Session, finished_within: timedelta) -> tuple[BundleEntry, ...]:
    """Give the builds with a plan that are unfinished, or were finished not longer ago than this."""
    columns = select(
        ModuleBuild.id,
        ModuleBuild.name,
        ModuleBuild.stream,
        ModuleBuild.version,
        ModuleBuild.context,
        ModuleBuild.state,
        ModuleBuild.plan_digest,
        ModuleBuild.time_modified,
        ModuleBuild.time_restarted,
    )
    wanted: ColumnElement[bool] = literal_column(f"({UNFINISHED_SQL})", Boolean)
    if finished_within:
        wanted = or_(wanted, ModuleBuild.time_modified >= datetime.now(UTC) - finished_within)
    rows = session.execute(columns.where(wanted, ModuleBuild.plan_digest.is_not(None)).order_by(ModuleBuild.id))
    return tuple(
        BundleEntry(
            row.id,
            NSVC(row.name, row.stream, row.version, row.context),
            row.state,
            _token(digest, row.time_restarted),
            row.time_modified,
            row.time_restarted,
        )
        for row in rows
        if (digest := row.plan_digest) is not None
    )


def restart(build: ModuleBuild) -> None:
    """Let a locked build have another run of its DAG, which starts when the current one has ended.

    Its gates wait for repositories anew: Koji may have deleted the old ones.
    """
    build.time_restarted = datetime.now(UTC)
    build.repo_id = None


def _token(plan_digest: str, restarted: datetime | None) -> str:
    return plan_digest if restarted is None else f"{plan_digest} {restarted.isoformat()}"
