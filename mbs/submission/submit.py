"""Submitting: the whole way from what a user sent to builds in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mbs.errors import InvalidRequest, NotFound
from mbs.modulemd.rules import refuse, unprocessable
from mbs.nsvc import NSVC
from mbs.registry import ModuleState, Recorded, Registry
from mbs.registry.provider import RegistryProvider
from mbs.scm.protocol import Scm
from mbs.settings import Settings
from mbs.submission.hub import Hub, HubFacts
from mbs.submission.prepare import Submission, prepare
from mbs.submission.request import read_request


def submit(
    data: Mapping[str, Any],
    user: str,
    *,
    registry: Registry,
    scm: Scm,
    settings: Settings,
    hub: Hub | None = None,
    may_choose_owner: bool = False,
) -> tuple[Recorded, ...]:
    """Check, expand, plan and record a submission: all its builds or, with a Refused, none.

    `data` are the keys of MBS §3.11. Raises Conflict where every build exists and none has failed,
    and Unprocessable where other contexts of a buildrequired version are still being built.
    """
    request = read_request(data, user, settings, may_choose_owner=may_choose_owner)
    reuse_from = _reusable(registry, request.reuse_components_from)
    provider = RegistryProvider(registry.engine, settings.base_module_names)
    submission = prepare(request, provider, scm, settings, hub=hub, reuse_from=reuse_from)
    _refuse_unfinished(registry, submission)
    _refuse_untagged(hub or HubFacts(), submission)
    return registry.record_submission([build.new_build() for build in submission.builds], by=user)


def _refuse_unfinished(registry: Registry, submission: Submission) -> None:
    """Refuse to build against a module of which another context is still being built (MBS §10.1)."""
    wanted = {module.nsvc for build in submission.builds for module in build.expanded.buildrequires.values()}
    refuse(
        unprocessable(
            f'Buildrequire {nsvc.name}-{nsvc.stream}-{nsvc.version} is in "{build.state.label}" state: wait until all '
            f"its contexts are built ({nsvc.context} is not), then submit again",
            "data.dependencies",
        )
        for build in registry.unfinished_siblings(wanted)
        for nsvc in (build.nsvc,)
    )


def _refuse_untagged(hub: Hub, submission: Submission) -> None:
    """Refuse what would be imported and tagged nowhere, so that no compose finds it; MBS builds it and says nothing."""
    wanted = {tags for build in submission.builds if (tags := build.candidate_tags)}
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
        build = registry.build(wanted)
    except NotFound:
        msg = 'The module in the parameter "reuse_components_from" could not be found'
        raise InvalidRequest(msg) from None
    if build.state is not ModuleState.READY:
        msg = 'The module in the parameter "reuse_components_from" must be in the ready state'
        raise InvalidRequest(msg)
    return build.id, build.nsvc
