"""Recording a submission: all its contexts in one transaction, or none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mbs.model.errors import Conflict, InvalidRequest
from mbs.model.naming import MACROS, koji_build
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, to_json
from mbs.model.states import ModuleState
from mbs.registry import builds, components
from mbs.registry.models import BaseModuleLink, ComponentBuild, ModuleBuild, ModuleTrace, Submission
from mbs.registry.rows import ModuleBuildRow, module_build_row, nsvc_of


@dataclass(frozen=True, slots=True)
class Allocation:
    """What only the registry can say about a new build; a plan's names are made from it (MBS §12.1)."""

    build_id: int
    first_sibling_id: int
    """The smallest id among this build and its siblings: the index in the dist."""
    nsvc: NSVC
    """The final identity: a scratch build's context has got its number (MBS §7.5)."""


@dataclass(frozen=True, slots=True)
class NewBuild:
    """One context of a submission, before it has an id."""

    nsvc: NSVC
    make_plan: Callable[[Allocation], BuildPlan]
    build_context: str | None = None
    build_context_no_bms: str | None = None
    runtime_context: str | None = None
    commit: str = ""
    srpms: tuple[str, ...] = ()
    buildrequires: Mapping[str, object] = field(default_factory=dict)
    """`xmd.mbs.buildrequires`."""
    scratch: bool = False
    rebuild_strategy: str = "changed-and-after"
    reuse_from_id: int | None = None


class Outcome(Enum):
    """What became of one context of a submission."""

    NEW = "new"
    RESUMED = "resumed"
    """It had failed and goes on."""
    EXISTING = "existing"
    """It is there already and was left alone."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One context of a recorded submission."""

    build: ModuleBuildRow
    outcome: Outcome


def record(
    session: Session, new_builds: Sequence[NewBuild], *, by: str, key: str | None = None
) -> tuple[Recorded, ...]:
    """Record or resume every context; raise Conflict when all exist and none has failed (MBS §3.11, §5).

    Submissions of one name and stream are recorded one after the other, so that scratch numbers and sibling ids are
    right whoever else submits at the same time. One with a `key` is recorded once: again, it gives what it gave.
    """
    if key is None:
        return _record(session, new_builds, by)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"submission {key}", 0))))
    before = recorded_before(session, key)
    if before is not None:
        return before
    recorded = _record(session, new_builds, by)
    session.add(Submission(key=key, outcomes=[[one.build.id, one.outcome.value] for one in recorded]))
    return recorded


def recorded_before(session: Session, key: str) -> tuple[Recorded, ...] | None:
    """Give what a submission was recorded as; None where it was not."""
    known = session.get(Submission, key)
    if known is None:
        return None
    return tuple(
        Recorded(module_build_row(builds.get(session, build_id)), Outcome(outcome))
        for build_id, outcome in known.outcomes
    )


def _record(session: Session, new_builds: Sequence[NewBuild], by: str) -> tuple[Recorded, ...]:
    for nsvc in sorted(new.nsvc for new in new_builds):
        builds.one_at_a_time(session, nsvc)
    existing = {new.nsvc: _existing(session, new) for new in new_builds}
    _check_resumable(new_builds, existing)
    allocated = _allocate(session, [new for new in new_builds if existing[new.nsvc] is None])
    recorded = tuple(
        _resume(session, build, by) if (build := existing[new.nsvc]) else _insert(session, new, next(allocated), by)
        for new in new_builds
    )
    if recorded and all(one.outcome is Outcome.EXISTING for one in recorded):
        raise Conflict(_already_exists(recorded[-1].build.state))
    return recorded


def _existing(session: Session, new: NewBuild) -> ModuleBuild | None:
    if new.scratch:
        return None
    query = select(ModuleBuild).where(builds.identified_by(new.nsvc))
    return session.scalars(query.with_for_update()).one_or_none()


def _check_resumable(new_builds: Sequence[NewBuild], existing: dict[NSVC, ModuleBuild | None]) -> None:
    for new in new_builds:
        build = existing[new.nsvc]
        if build is None or build.state is not ModuleState.FAILED:
            continue
        if build.rebuild_strategy != new.rebuild_strategy:
            msg = 'You cannot change the module\'s "rebuild_strategy" when resuming a module build'
            raise InvalidRequest(msg)


def _allocate(session: Session, new_builds: Sequence[NewBuild]) -> Iterator[Allocation]:
    """Give each new build its id, its scratch number and the smallest id of its siblings."""
    if not new_builds:
        return
    sequence = func.pg_get_serial_sequence("module_builds", "id")
    ids = sorted(session.scalars(select(func.nextval(sequence)).select_from(func.generate_series(1, len(new_builds)))))
    scratch_numbers: dict[NSVC, int] = {}
    first_ids: dict[tuple[str, str, int, bool], int] = {}
    for new, build_id in zip(new_builds, ids, strict=True):
        nsvc = new.nsvc
        family = (nsvc.name, nsvc.stream, nsvc.version, new.scratch)
        if family not in first_ids:
            first_ids[family] = _first_sibling(session, family) or build_id
        if new.scratch:
            number = scratch_numbers.get(nsvc) or _scratch_builds(session, nsvc) + 1
            scratch_numbers[nsvc] = number + 1
            nsvc = replace(nsvc, context=f"{nsvc.context}_{number}")
        yield Allocation(build_id, first_ids[family], nsvc)


def _first_sibling(session: Session, family: tuple[str, str, int, bool]) -> int | None:
    name, stream, version, scratch = family
    return session.scalar(
        select(func.min(ModuleBuild.id)).where(
            ModuleBuild.name == name,
            ModuleBuild.stream == stream,
            ModuleBuild.version == version,
            ModuleBuild.scratch == scratch,
        )
    )


def _scratch_builds(session: Session, nsvc: NSVC) -> int:
    """Give the highest number of a scratch build of this context: `<context>_<number>`, compared literally."""
    prefix = f"{nsvc.context}_"
    query = select(ModuleBuild.context).where(
        ModuleBuild.name == nsvc.name,
        ModuleBuild.stream == nsvc.stream,
        ModuleBuild.version == nsvc.version,
        ModuleBuild.scratch,
        ModuleBuild.context.startswith(prefix, autoescape=True),
    )
    numbers = (context.removeprefix(prefix) for context in session.scalars(query))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _insert(session: Session, new: NewBuild, allocation: Allocation, by: str) -> Recorded:
    plan = new.make_plan(allocation)
    if not new.scratch and (other := builds.namesake(session, plan.nsvc, plan.koji_tag)):
        raise Conflict(_has_the_names_of(other, plan))
    build = _module_build(new, allocation, plan)
    session.add(build)
    session.flush()
    for state in (ModuleState.INIT, ModuleState.WAIT):
        session.add(ModuleTrace(build_id=build.id, state=state, by=by))
        session.flush()
    session.add_all(_component_builds(plan))
    session.add_all(
        BaseModuleLink(build_id=build.id, base_module_id=base_id) for base_id in _base_module_ids(session, plan)
    )
    session.flush()
    session.refresh(build)
    return Recorded(module_build_row(build), Outcome.NEW)


def _module_build(new: NewBuild, allocation: Allocation, plan: BuildPlan) -> ModuleBuild:
    """Make the row: in state wait, because what MBS does in init was done before anything was recorded."""
    text_of_plan = to_json(plan)
    nsvc = allocation.nsvc
    return ModuleBuild(
        id=allocation.build_id,
        name=nsvc.name,
        stream=nsvc.stream,
        version=nsvc.version,
        context=nsvc.context,
        build_context=new.build_context,
        build_context_no_bms=new.build_context_no_bms,
        runtime_context=new.runtime_context,
        state=ModuleState.WAIT,
        owner=plan.owner,
        scratch=new.scratch,
        rebuild_strategy=new.rebuild_strategy,
        scmurl=plan.scmurl,
        branch=plan.branch,
        commit=new.commit,
        koji_tag=plan.koji_tag,
        srpms=list(new.srpms),
        arches=list(plan.arches),
        buildrequires=dict(new.buildrequires),
        modulemd=plan.modulemd,
        source_modulemd=plan.source_modulemd,
        plan=text_of_plan,
        plan_digest=hashlib.sha256(text_of_plan.encode()).hexdigest(),
        reuse_from_id=new.reuse_from_id,
    )


def _component_builds(plan: BuildPlan) -> Iterator[ComponentBuild]:
    if plan.components:
        yield ComponentBuild(build_id=plan.build_id, name=MACROS, source="", batch=0, build_time_only=True)
    for component in plan.components:
        yield ComponentBuild(
            build_id=plan.build_id,
            name=component.name,
            source=component.source,
            ref=component.ref,
            batch=component.batch,
            weight=component.weight,
            arches=list(component.arches),
            buildonly=component.buildonly,
            content_id=component.content_id,
        )


def _base_module_ids(session: Session, plan: BuildPlan) -> Iterator[int]:
    for dependency in plan.dependencies:
        if dependency.base:
            yield from session.scalars(select(ModuleBuild.id).where(builds.identified_by(dependency.nsvc)))


def _resume(session: Session, build: ModuleBuild, by: str) -> Recorded:
    """Let a failed build go on where it can; its stored document and plan stay (MBS §17.5)."""
    if build.state is not ModuleState.FAILED:
        return Recorded(module_build_row(build), Outcome.EXISTING)
    components.reset_unfinished(session, build.id)
    builds.change_state(session, build, ModuleState.WAIT, f"Resubmitted by {by}", by)
    builds.restart(build)
    build.owner = by
    session.flush()
    return Recorded(module_build_row(build), Outcome.RESUMED)


def _has_the_names_of(other: ModuleBuild, plan: BuildPlan) -> str:
    return (
        f"In Koji {plan.nsvc} would have the names of {nsvc_of(other)} (number {other.id}), {plan.koji_tag} or "
        f"{koji_build(plan.nsvc)}. Give the module another name, stream, version or context."
    )


def _already_exists(state: ModuleState) -> str:
    return (
        f"Module (state={int(state)}) already exists. Only a new build, resubmission of a failed build or build "
        "against new buildrequirements is allowed."
    )
