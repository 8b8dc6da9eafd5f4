"""Recording a submission: all its contexts in one transaction, or none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from msgspec.structs import replace
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mbs.model.errors import Conflict, InvalidRequest
from mbs.model.naming import MACROS, koji_build
from mbs.model.nsvc import NSVC
from mbs.model.plan import Allocation, BuildPlan, Identity, NewBuild, to_json
from mbs.model.states import ModuleState
from mbs.model.users import By
from mbs.registry import builds, components
from mbs.registry.models import BaseModuleLink, ComponentBuild, ModuleBuild, Submission
from mbs.registry.rows import ModuleBuildRow, module_build_row, nsvc_of


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


class Recording:
    """A submission while it is recorded, in one transaction: what is raised meanwhile leaves nothing of it."""

    def __init__(self, session: Session, contexts: Iterable[Allocation | Recorded], by: By) -> None:
        """Made by `record` only: `contexts` are to be stored still, or recorded as far as they have to be."""
        self._session, self._by = session, by
        self._contexts = list(contexts)

    @property
    def allocations(self) -> tuple[Allocation | None, ...]:
        """What each build is named after, in the order of the identities; None for one that has its plan already."""
        return tuple(one if isinstance(one, Allocation) else None for one in self._contexts)

    def store(self, new: NewBuild) -> None:
        """Store a build that got an id; raise Conflict where another module has its names in Koji."""
        places = {one.build_id: place for place, one in enumerate(self._contexts) if isinstance(one, Allocation)}
        self._contexts[places[new.plan.build_id]] = _insert(self._session, new, self._by)

    @property
    def outcomes(self) -> tuple[Recorded, ...]:
        """What became of every context, once all that got an id are stored."""
        recorded = tuple(one for one in self._contexts if isinstance(one, Recorded))
        if len(recorded) < len(self._contexts):
            msg = "A submission is recorded as a whole: store every build that got an id"
            raise RuntimeError(msg)
        return recorded


@contextmanager
def record(
    session: Session,
    identities: Sequence[Identity],
    *,
    by: By,
    key: str | None = None,
    may_resume: Callable[[str], None] = lambda _: None,
) -> Iterator[Recording]:
    """Resume or allocate every context, and keep what is stored meanwhile; raise Conflict (MBS §3.11, §5).

    `may_resume` is asked about the owner of each build that had failed, and raises what forbids it.

    Submissions of one name and stream are recorded one after the other, so that scratch numbers and sibling ids are
    right whoever else submits at the same time. One with a `key` is recorded once: again, it has what it had.
    """
    if key is not None:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"submission {key}", 0))))
        before = recorded_before(session, key)
        if before is not None:
            yield Recording(session, before, by)
            return
    begun = Recording(session, _begun(session, identities, by, may_resume), by)
    yield begun
    outcomes = begun.outcomes
    if key is not None:
        session.add(Submission(key=key, outcomes=[[one.build.id, one.outcome.value] for one in outcomes]))


def recorded_before(session: Session, key: str) -> tuple[Recorded, ...] | None:
    """Give what a submission was recorded as; None where it was not."""
    known = session.get(Submission, key)
    if known is None:
        return None
    return tuple(
        Recorded(module_build_row(builds.stored(session, build_id)), Outcome(outcome))
        for build_id, outcome in known.outcomes
    )


def _begun(
    session: Session, identities: Sequence[Identity], by: By, may_resume: Callable[[str], None]
) -> Iterator[Allocation | Recorded]:
    """Give what of each context is known, or gets its id now; raise Conflict where all exist and none has failed."""
    for nsvc in sorted(identity.nsvc for identity in identities):
        builds.one_at_a_time(session, nsvc)
    existing = {identity.nsvc: _existing(session, identity) for identity in identities}
    _check_resumable(identities, existing)
    for build in existing.values():
        if build is not None and build.state is ModuleState.FAILED:
            may_resume(build.owner)
    known = [build for build in existing.values() if build is not None]
    if known and len(known) == len(existing) and all(build.state is not ModuleState.FAILED for build in known):
        raise Conflict(_already_exists(known[-1].state))
    allocated = _allocate(session, [identity for identity in identities if existing[identity.nsvc] is None])
    for identity in identities:
        build = existing[identity.nsvc]
        yield _resume(session, build, by) if build else next(allocated)


def _existing(session: Session, identity: Identity) -> ModuleBuild | None:
    if identity.scratch:
        return None
    query = select(ModuleBuild).where(builds.identified_by(identity.nsvc))
    return session.scalars(query.with_for_update()).one_or_none()


def _check_resumable(identities: Sequence[Identity], existing: Mapping[NSVC, ModuleBuild | None]) -> None:
    for identity in identities:
        build = existing[identity.nsvc]
        if build is None or build.state is not ModuleState.FAILED:
            continue
        if build.rebuild_strategy != identity.rebuild_strategy:
            msg = 'You cannot change the module\'s "rebuild_strategy" when resuming a module build'
            raise InvalidRequest(msg)


def _allocate(session: Session, identities: Sequence[Identity]) -> Iterator[Allocation]:
    """Give each new build its id, its scratch number and the smallest id of its siblings."""
    if not identities:
        return
    sequence = func.pg_get_serial_sequence("module_builds", "id")
    ids = sorted(session.scalars(select(func.nextval(sequence)).select_from(func.generate_series(1, len(identities)))))
    scratch_numbers: dict[NSVC, int] = {}
    first_ids: dict[tuple[str, str, int, bool], int] = {}
    for identity, build_id in zip(identities, ids, strict=True):
        nsvc = identity.nsvc
        family = (nsvc.name, nsvc.stream, nsvc.version, identity.scratch)
        if family not in first_ids:
            first_ids[family] = _first_sibling(session, family) or build_id
        if identity.scratch:
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


def _insert(session: Session, new: NewBuild, by: By) -> Recorded:
    plan = new.plan
    if not plan.scratch and (other := builds.namesake(session, plan.nsvc, plan.koji_tag)):
        raise Conflict(_has_the_names_of(other, plan))
    build = _module_build(new)
    session.add(build)
    session.flush()
    for state in (ModuleState.INIT, ModuleState.WAIT):
        session.add(builds.trace_of(build.id, state, None, by))
        session.flush()
    session.add_all(_component_builds(plan))
    session.add_all(
        BaseModuleLink(build_id=build.id, base_module_id=base_id) for base_id in _base_module_ids(session, plan)
    )
    session.flush()
    session.refresh(build)
    return Recorded(module_build_row(build), Outcome.NEW)


def _module_build(new: NewBuild) -> ModuleBuild:
    """Make the row: in state wait, because what MBS does in init was done before anything was recorded."""
    plan, text_of_plan = new.plan, to_json(new.plan)
    return ModuleBuild(
        id=plan.build_id,
        name=plan.nsvc.name,
        stream=plan.nsvc.stream,
        version=plan.nsvc.version,
        context=plan.nsvc.context,
        build_context=new.build_context,
        build_context_no_bms=new.build_context_no_bms,
        runtime_context=new.runtime_context,
        state=ModuleState.WAIT,
        owner=plan.owner,
        scratch=plan.scratch,
        rebuild_strategy=plan.rebuild_strategy,
        scmurl=plan.scmurl,
        branch=plan.branch,
        commit=new.commit,
        koji_tag=plan.koji_tag,
        cg_build_koji_tag=next(iter(plan.publication.candidate_tags), None),
        srpms=list(new.srpms),
        arches=list(plan.arches),
        buildrequires={one.name: one.entry for one in plan.dependencies},
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


def _resume(session: Session, build: ModuleBuild, by: By) -> Recorded:
    """Let a failed build go on where it can; its stored document and plan stay (MBS §17.5)."""
    if build.state is not ModuleState.FAILED:
        return Recorded(module_build_row(build), Outcome.EXISTING)
    components.reset_unfinished(session, build.id)
    builds.change_state(session, build, ModuleState.WAIT, f"Resubmitted by {by}", by)
    builds.restart(build)
    build.owner = str(by)
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
