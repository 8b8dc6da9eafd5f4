"""Reading and changing module builds; every function works inside the caller's session."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Boolean, ColumnElement, UnaryExpression, and_, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import Session, aliased, undefer

from mbs.model.document import DEVEL_SUFFIX
from mbs.model.errors import InvalidRequest, NotFound
from mbs.model.naming import koji_build
from mbs.model.nsvc import NSVC
from mbs.model.states import ModuleState, check_module
from mbs.registry.models import UNFINISHED_SQL, Base, BaseModuleLink, ModuleBuild, ModuleTrace
from mbs.registry.rows import BuildFilter, BundleEntry, ModuleBuildRow, Page, StoredPlan, module_build_row, nsvc_of

_COMPLETED = frozenset({ModuleState.DONE, ModuleState.FAILED, ModuleState.READY})
_SETTLED = (ModuleState.FAILED, ModuleState.READY, ModuleState.GARBAGE)


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


def get(session: Session, key: int | NSVC, *, lock: bool = False) -> ModuleBuild:
    """Give one build by id or NSVC; `lock` holds its row until the end of the transaction."""
    query = select(ModuleBuild).where(identified_by(key))
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        what = f"number {key}" if isinstance(key, int) else str(key)
        msg = f"There is no module build {what} in the registry."
        raise NotFound(msg)
    return found


def change_state(session: Session, build: ModuleBuild, state: ModuleState, reason: str | None, by: str) -> bool:
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


def trace(session: Session, build: ModuleBuild, by: str) -> None:
    """Write down the state that the build has now."""
    session.add(ModuleTrace(build_id=build.id, state=build.state, reason=build.state_reason, by=by))


def conditions(wanted: BuildFilter) -> Iterator[ColumnElement[bool]]:
    """Give the conditions of a filter."""
    for column in ("name", "stream", "version", "context", "owner", "scratch", "rebuild_strategy", "scmurl"):
        value = getattr(wanted, column)
        if value is not None:
            yield getattr(ModuleBuild, column) == value
    if wanted.states:
        yield ModuleBuild.state.in_(wanted.states)
    if wanted.koji_tags:
        yield ModuleBuild.koji_tag.in_(wanted.koji_tags)
    if wanted.virtual_streams:
        yield ModuleBuild.virtual_streams.overlap(list(wanted.virtual_streams))
    if wanted.base_module is not None:
        yield ModuleBuild.id.in_(_built_against(wanted.base_module))
    yield from _time_bounds(wanted)


def ordering(page: Page, table: type[Base] = ModuleBuild) -> Iterator[UnaryExpression[object]]:
    """Give the order of a page; a name that is no column is refused."""
    for name, descending in page.order_by:
        column = table.__table__.columns.get(name)
        if column is None:
            msg = f'An invalid ordering key of "{name}" was supplied'
            raise InvalidRequest(msg)
        yield column.desc() if descending else column.asc()


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


def stored_plans(session: Session, ids: tuple[int, ...]) -> tuple[StoredPlan, ...]:
    """Give the plans and documents of several builds in one query; imported ones have none."""
    query = select(ModuleBuild).where(ModuleBuild.id.in_(ids), ModuleBuild.plan.is_not(None)).order_by(ModuleBuild.id)
    builds = session.scalars(query.options(undefer(ModuleBuild.plan), undefer(ModuleBuild.modulemd)))
    return tuple(
        StoredPlan(
            build.id, nsvc_of(build), build.plan or "", build.modulemd, build.time_submitted, build.time_restarted
        )
        for build in builds
    )


def sibling_ids(session: Session, build: ModuleBuild) -> tuple[int, ...]:
    """Give the ids of the other contexts of the same name, stream, version and scratch flag."""
    query = select(ModuleBuild.id).where(
        ModuleBuild.name == build.name,
        ModuleBuild.stream == build.stream,
        ModuleBuild.version == build.version,
        ModuleBuild.scratch == build.scratch,
        ModuleBuild.id != build.id,
    )
    return tuple(session.scalars(query.order_by(ModuleBuild.id)))


def unfinished_siblings(session: Session, modules: Collection[NSVC]) -> tuple[ModuleBuildRow, ...]:
    """Give the contexts of the same name, stream and version as one of `modules` that are not built to an end yet."""
    versions = {(module.name, module.stream, module.version) for module in modules}
    query = select(ModuleBuild).where(
        tuple_(ModuleBuild.name, ModuleBuild.stream, ModuleBuild.version).in_(sorted(versions)),
        ModuleBuild.state.not_in(_SETTLED),
        ~ModuleBuild.scratch,
    )
    return tuple(module_build_row(build) for build in session.scalars(query.order_by(ModuleBuild.id)))


def count_by_state(session: Session) -> dict[ModuleState, int]:
    """Count the builds of each state."""
    counts = session.execute(select(ModuleBuild.state, func.count()).group_by(ModuleBuild.state))
    return {state: count for state, count in counts.all()}  # noqa: C416 - rows are no pairs to the type checker


def restart(build: ModuleBuild) -> None:
    """Let a locked build have another run of its DAG, which starts when the current one has ended."""
    build.time_restarted = datetime.now(UTC)


def _token(plan_digest: str, restarted: datetime | None) -> str:
    return plan_digest if restarted is None else f"{plan_digest} {restarted.isoformat()}"


def _built_against(base_module: NSVC) -> ColumnElement[int]:
    base = aliased(ModuleBuild)
    return (
        select(BaseModuleLink.build_id)
        .join(base, base.id == BaseModuleLink.base_module_id)
        .where(identified_by(base_module, base))
        .scalar_subquery()
    )


def _time_bounds(wanted: BuildFilter) -> Iterator[ColumnElement[bool]]:
    for kind in ("submitted", "modified", "completed"):
        column = getattr(ModuleBuild, f"time_{kind}")
        if (after := getattr(wanted, f"{kind}_after")) is not None:
            yield column >= after
        if (before := getattr(wanted, f"{kind}_before")) is not None:
            yield column <= before
