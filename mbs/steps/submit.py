"""Submitting, importing and building again: the whole way from what was sent to builds in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mbs.model.errors import InvalidRequest, NotFound, Refused, refuse, unprocessable
from mbs.model.naming import SubmittedBuild
from mbs.model.nsvc import NSVC
from mbs.model.registered import FinishedModules
from mbs.model.users import By
from mbs.planning.dependants import dependants, resubmission
from mbs.planning.draft import Draft
from mbs.planning.hub import Hub, HubFacts
from mbs.planning.ids import dag_id
from mbs.planning.permissions import check_resumer, may_choose_owner
from mbs.planning.planner import ImportRequest, Planner, PlanRequest, plan_in_sandbox, read_in_sandbox
from mbs.planning.request import Request, read_request
from mbs.registry import BuildFilter, ModuleBuildRow, ModuleState, Outcome, Page, Recorded, Registry
from mbs.registry.imports import messages
from mbs.registry.stored import RegistryStore
from mbs.scm.url import ScmUrl, submitted_url
from mbs.settings import Settings

_ALL = 1_000_000
"""More builds than any registry has ready."""


def submit(
    asked: Request | Mapping[str, Any],
    user: By,
    *,
    registry: Registry,
    settings: Settings,
    hub: Hub | None = None,
    key: str | None = None,
    planner: Planner = plan_in_sandbox,
) -> tuple[Recorded, ...]:
    """Check, expand, plan and record a submission: all its builds or, with a Refused, none.

    What is `asked` are the fields of `mbs.planning.fields.SUBMISSION`, as a user fills them in, or a request of our
    own. The document is fetched, read and planned by the `planner`, in a sandbox; all that happens here is the
    recording, once for each `key`: a submission that was recorded before gives what it gave then.
    Raises Conflict where every build exists and none has failed, Unprocessable where other contexts of a buildrequired
    version are still being built, and what `plan_in_sandbox` raises.
    """
    if key and (before := registry.recorded_before(key)):
        return before
    drafts = drafted(asked, user, registry=registry, settings=settings, hub=hub, planner=planner)
    with registry.recording(
        [draft.identity for draft in drafts], by=user, key=key, may_resume=partial(check_resumer, user, settings)
    ) as recording:
        for draft, allocation in zip(drafts, recording.allocations, strict=True):
            if allocation:
                recording.store(draft.new_build(allocation))
    return recording.outcomes


def drafted(
    asked: Request | Mapping[str, Any],
    user: By,
    *,
    registry: Registry,
    settings: Settings,
    hub: Hub | None = None,
    planner: Planner = plan_in_sandbox,
) -> tuple[Draft, ...]:
    """Give what a submission would record, one for each of its builds; raise as `submit`, but no Conflict."""
    request = asked if isinstance(asked, Request) else _read(asked, user, settings)
    reuse_from = _reusable(registry, request.reuse_components_from)
    store, hub = RegistryStore(registry.engine, settings.base_module_names), hub or HubFacts()
    drafts = planner(PlanRequest(request, settings, reuse_from), store, hub)
    _refuse_unfinished(registry, drafts)
    _refuse_untagged(hub, drafts)
    return drafts


def submitted(recorded: Recorded) -> SubmittedBuild:
    """Tell what became of a module build that was asked for."""
    build = recorded.build
    said = {
        Outcome.NEW: "is submitted",
        Outcome.RESUMED: "had failed and goes on",
        Outcome.EXISTING: f"exists already ({build.state.name.lower()}) and was left alone",
    }
    return SubmittedBuild(id=build.id, nsvc=str(build.nsvc), dag_id=dag_id(build.nsvc), outcome=said[recorded.outcome])


@dataclass(frozen=True, slots=True)
class ImportedModules:
    """What came of an import."""

    nsvcs: tuple[str, ...]
    messages: tuple[str, ...]
    """Sentences for the user: what was registered, what was left out, what was passed over."""


def read_import(fields: Mapping[str, Any], settings: Settings) -> FinishedModules:
    """Read base modules, or modules that were finished elsewhere, in a sandbox.

    `fields` have a document, or the SCM URL of one: of one module or of many. Raises Refused with all that is wrong;
    with `skip_invalid` the others are given.
    """
    skip, template = bool(fields.get("skip_invalid")), fields.get("koji_tag_template")
    return read_in_sandbox(ImportRequest(_document(fields, settings), settings, skip, template))


def register(
    found: FinishedModules, user: By, *, registry: Registry, settings: Settings, skip_invalid: bool
) -> ImportedModules:
    """Register what was read: all or, with `skip_invalid`, what can be (MBS §6.4, §3.13). Raises Conflict."""
    done, refused = registry.import_modules(
        found.modules, by=user, base_module_names=settings.base_module_names, skip_invalid=skip_invalid
    )
    skipped = [f"Skipped: {problem}" for problem in (*found.problems, *refused)]
    said = messages(done, found.filled, len(found.refused) + len(refused))
    nsvcs = tuple(str(one.build.nsvc) for one in done)
    return ImportedModules(nsvcs, (*reversed(said), *skipped, *found.remarks))


def _document(fields: Mapping[str, Any], settings: Settings) -> str | ScmUrl:
    scmurl, text = fields.get("scmurl"), fields.get("modulemd")
    if bool(scmurl) == bool(text):
        raise InvalidRequest("Give either an SCM URL or a document.")
    return str(text) if text else submitted_url(str(scmurl), settings.scm_rules)


@dataclass(frozen=True, slots=True)
class Behind:
    """A module build that is built against an older build of a stream than the one that is ready."""

    build: ModuleBuildRow
    ready: NSVC


def behind(registry: Registry, ready: Iterable[NSVC]) -> Iterator[Behind]:
    """Give what to build again because of these builds, each stream once; those that are not ready do not count."""
    rows = registry.builds.find(BuildFilter(states=(ModuleState.READY,)), Page(size=_ALL)).items
    busy = {(entry.nsvc.name, entry.nsvc.stream) for entry in registry.builds.unfinished()}
    for nsvc in ready:
        for row in dependants(nsvc, rows, busy) if _is_ready(registry, nsvc) else ():
            busy.add((row.nsvc.name, row.nsvc.stream))
            yield Behind(row, nsvc)


def rebuild(wanted: Behind, *, registry: Registry, settings: Settings, hub: Hub, key: str) -> None:
    """Submit a module again, once for each `key`; the owner stays. Raises Refused, Infrastructure."""
    build = wanted.build
    request = resubmission(build, registry.documents.plan(build.id), wanted.ready)
    try:
        submit(request, build.owner, registry=registry, settings=settings, hub=hub, key=key)
    except Refused as refusal:
        raise Refused(f"{build.nsvc} cannot be built again: {refusal}") from None


def _is_ready(registry: Registry, nsvc: NSVC) -> bool:
    try:
        return registry.builds.get(nsvc).state is ModuleState.READY
    except NotFound:
        return False


def _read(fields: Mapping[str, Any], user: By, settings: Settings) -> Request:
    return read_request(fields, str(user), settings, may_choose_owner=may_choose_owner(user, settings))


def _refuse_unfinished(registry: Registry, drafts: Iterable[Draft]) -> None:
    """Refuse to build against a module of which another context is still being built (MBS §10.1)."""
    wanted = {dependency.nsvc for draft in drafts for dependency in draft.plan.dependencies}
    refuse(
        unprocessable(
            f'Buildrequire {nsvc.name}-{nsvc.stream}-{nsvc.version} is in "{build.state.label}" state: wait until all '
            f"its contexts are built ({nsvc.context} is not), then submit again",
            "data.dependencies",
        )
        for build in registry.builds.unfinished_siblings(wanted)
        for nsvc in (build.nsvc,)
    )


def _refuse_untagged(hub: Hub, drafts: Iterable[Draft]) -> None:
    """Refuse what would be imported and tagged nowhere, so that no compose finds it; MBS builds it and says nothing."""
    wanted = {tags for draft in drafts if (tags := draft.plan.publication.candidate_tags)}
    absent = hub.absent_tags({tag for tags in wanted for tag in tags}) if wanted else frozenset()
    refuse(
        unprocessable(
            f"Koji has no tag {' or '.join(tags)} for the finished module. A Koji administrator makes one: "
            f"koji add-tag {tags[0]}. Where no module is to be tagged, switch the setting koji_cg_tag_build off.",
            "data.dependencies",
        )
        for tags in sorted(wanted)
        if absent.issuperset(tags)
    )


def _reusable(registry: Registry, wanted: int | NSVC | None) -> tuple[int, NSVC] | None:
    """Find the build to reuse components from; it has to be ready (MBS §3.11)."""
    if wanted is None:
        return None
    try:
        build = registry.builds.get(wanted)
    except NotFound:
        msg = 'The module in the parameter "reuse_components_from" could not be found'
        raise InvalidRequest(msg) from None
    if build.state is not ModuleState.READY:
        msg = 'The module in the parameter "reuse_components_from" must be in the ready state'
        raise InvalidRequest(msg)
    return build.id, build.nsvc
