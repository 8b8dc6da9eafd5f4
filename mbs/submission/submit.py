"""The whole way of a submission: request, preparation, registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mbs.errors import InvalidRequest, NotFound, Problem
from mbs.expansion.result import Unsatisfied
from mbs.nsvc import NSVC
from mbs.registry.provider import RegistryProvider
from mbs.registry.registry import Registry
from mbs.registry.states import ModuleState
from mbs.registry.submission import Recorded
from mbs.scm.protocol import Scm
from mbs.settings import Settings
from mbs.submission.hub import Hub
from mbs.submission.prepare import prepare
from mbs.submission.request import read_request


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission."""

    builds: tuple[Recorded, ...]
    """Every context: new, resumed, or there before."""
    unsatisfied: tuple[Unsatisfied, ...]
    """Combinations of streams that nothing is built for."""


def submit(
    data: Mapping[str, Any],
    user: str,
    *,
    registry: Registry,
    scm: Scm,
    settings: Settings,
    hub: Hub | None = None,
    may_choose_owner: bool = False,
) -> Submitted:
    """Check, prepare and record what `data` (the keys of MBS §3.11) asks for; raise Refused with every problem.

    Nothing is recorded where anything is refused.
    """
    request = read_request(data, user, settings, may_choose_owner=may_choose_owner)
    reuse_from = _reused(registry, request.reuse_components_from)
    provider = RegistryProvider(registry.engine, settings.base_module_names)
    submission = prepare(request, provider, scm, settings, hub=hub, reuse_from=reuse_from)
    recorded = registry.record_submission([build.new_build() for build in submission.builds], by=user)
    return Submitted(recorded, submission.unsatisfied)


def _reused(registry: Registry, wanted: int | NSVC | None) -> tuple[int, NSVC] | None:
    """Find the build to reuse components from."""
    if wanted is None:
        return None
    try:
        build = registry.build(wanted)
    except NotFound:
        text = 'The module in the parameter "reuse_components_from" could not be found'
        raise InvalidRequest(Problem(text, "reuse_components_from")) from None
    if build.state is not ModuleState.READY:
        text = 'The module in the parameter "reuse_components_from" must be in the ready state'
        raise InvalidRequest(Problem(text, "reuse_components_from"))
    return build.id, build.nsvc
