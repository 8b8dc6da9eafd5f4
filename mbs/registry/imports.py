"""Registering base modules and finished modules that were built elsewhere (MBS §6.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from mbs.model.errors import ForbiddenTransition, Problem
from mbs.model.registered import RegisteredModule
from mbs.model.states import ModuleState, check_module
from mbs.model.users import By
from mbs.registry import builds
from mbs.registry.models import BaseModuleLink, FinalDocument, ModuleBuild
from mbs.registry.rows import Imported, module_build_row, nsvc_of

OWNER = "mbs_import"


def import_modules(
    session: Session, modules: Iterable[RegisteredModule], *, by: By, base_module_names: Sequence[str]
) -> tuple[tuple[Imported, ...], tuple[Problem, ...]]:
    """Import what can be, base modules first, so that the others are linked to them; a problem for each that cannot.

    In one order for all, so that two imports at the same time wait for each other and not in a circle.
    """
    done: list[Imported] = []
    problems: list[Problem] = []
    for module in sorted(modules, key=lambda one: (one.nsvc.name not in base_module_names, one.nsvc)):
        try:
            with session.begin_nested():
                done.append(import_module(session, module, by=by, base_module_names=base_module_names))
        except ForbiddenTransition as error:
            problems.append(Problem(f"{error} Cancel it, or wait for its end, and import again."))
    return tuple(done), tuple(problems)


def messages(done: Sequence[Imported], filled: Mapping[str, Sequence[str]], skipped: int) -> list[str]:
    """Say what was imported, with what was filled in by NSVC, and how many documents were skipped."""
    said = [_said(one, filled.get(str(one.build.nsvc), ())) for one in done]
    return [*said, _summary(done, skipped)] if skipped or len(done) > 1 else said


def _said(done: Imported, filled: Sequence[str]) -> str:
    return "\n".join(done.messages) + (f" (filled in: {'; '.join(filled)})" if filled else "")


def _summary(done: Sequence[Imported], skipped: int) -> str:
    updated = sum(one.updated for one in done)
    parts = [f"{_counted(len(done), 'module')} imported"]
    parts += [f"{updated} of them registered before"] if updated else []
    parts += [f"{_counted(skipped, 'document')} skipped"] if skipped else []
    return f"{', '.join(parts)}."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def import_module(session: Session, module: RegisteredModule, *, by: By, base_module_names: Iterable[str]) -> Imported:
    """Insert or replace by NSVC, ready at once.

    Unlike MBS's, an import leaves a trace row, and one that would replace a build of our own that is still being
    built is refused (ForbiddenTransition).
    """
    builds.one_at_a_time(session, module.nsvc)
    build = _find(session, module)
    updated = build is not None
    if build is None:
        build = ModuleBuild(name=module.nsvc.name, stream=module.nsvc.stream, version=module.nsvc.version)
        build.context = module.nsvc.context
        session.add(build)
    else:
        check_module(nsvc_of(build), build.state, ModuleState.READY)
        session.execute(delete(FinalDocument).where(FinalDocument.build_id == build.id))  # made of another document
    _fill(build, module)
    session.flush()
    builds.trace(session, build, by)
    _link(session, build, module, base_module_names)
    session.flush()
    session.refresh(build)
    return Imported(module_build_row(build), updated)


def _find(session: Session, module: RegisteredModule) -> ModuleBuild | None:
    query = select(ModuleBuild).where(builds.identified_by(module.nsvc))
    return session.scalars(query.with_for_update()).one_or_none()


def _fill(build: ModuleBuild, module: RegisteredModule) -> None:
    now = datetime.now(UTC)
    build.state, build.state_reason, build.owner, build.rebuild_strategy = ModuleState.READY, None, OWNER, "all"
    build.time_submitted = build.time_modified = build.time_completed = now
    build.koji_tag, build.commit, build.modulemd = module.koji_tag, module.commit, module.document.text
    build.arches, build.virtual_streams = list(module.arches), sorted(module.virtual_streams)
    build.stream_version = module.stream_version
    build.buildrequires = {name: one.entry for name, one in module.buildrequires.items()}


def _link(session: Session, build: ModuleBuild, module: RegisteredModule, base_module_names: Iterable[str]) -> None:
    """Link the registered base modules that it was built against; ones nobody registered cannot be linked."""
    session.execute(delete(BaseModuleLink).where(BaseModuleLink.build_id == build.id))
    for name in base_module_names:
        base = module.buildrequires.get(name)
        if base is None:
            continue
        found = session.scalar(select(ModuleBuild.id).where(builds.identified_by(base.nsvc)))
        if found is not None:
            session.add(BaseModuleLink(build_id=build.id, base_module_id=found))
