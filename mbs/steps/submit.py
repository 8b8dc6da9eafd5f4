"""Submitting: the whole way from what a user sent to builds in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mbs.model.errors import InvalidRequest, NotFound, refuse, unprocessable
from mbs.model.nsvc import NSVC
from mbs.planning.draft import Draft
from mbs.planning.hub import Hub, HubFacts
from mbs.planning.planner import Planner, PlanRequest, plan_in_sandbox
from mbs.planning.request import Request, read_request
from mbs.registry import ModuleState, Recorded, Registry
from mbs.registry.stored import RegistryStore
from mbs.settings import Settings


def submit(
    asked: Request | Mapping[str, Any],
    user: str,
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
    request = asked if isinstance(asked, Request) else _read(asked, user, settings)
    reuse_from = _reusable(registry, request.reuse_components_from)
    store, hub = RegistryStore(registry.engine, settings.base_module_names), hub or HubFacts()
    drafts = planner(PlanRequest(request, settings, reuse_from), store, hub)
    _refuse_unfinished(registry, drafts)
    _refuse_untagged(hub, drafts)
    with registry.recording([draft.identity for draft in drafts], by=user, key=key) as recording:
        for draft, allocation in zip(drafts, recording.allocations, strict=True):
            if allocation:
                recording.store(draft.new_build(allocation))
    return recording.outcomes


def _read(fields: Mapping[str, Any], user: str, settings: Settings) -> Request:
    return read_request(fields, user, settings, may_choose_owner=user in settings.allowed_users_to_choose_owner)


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
