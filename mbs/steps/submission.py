"""The submission of components of a module build together: two transactions and two requests, whatever their number.

Each component is submitted exactly once, whoever tries it at the same time and wherever somebody is killed. Whoever
submits records his intent first, and with it that the submission is his for a while (`CLAIM`); he sends it soon
(`SEND`) or claims it anew. Whoever finds an older intent looks in Koji for what was made of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from mbs.koji.builds import BuildInfo, BuildRequest, find_builds, find_tasks, submit
from mbs.koji.session import BATCH, Hub
from mbs.model.errors import HubRefused
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState, ModuleState
from mbs.registry import HeldComponent, ModuleBuildRow, Registry
from mbs.registry.rows import ComponentRow, Followed
from mbs.steps.component import component_request
from mbs.steps.ending import cancel_tasks
from mbs.steps.tasks import Task

CLAIM = timedelta(seconds=30)
"""For so long others let the one submit who has said that he will."""

SEND = 15.0
"""Seconds after his claim in which he sends it: an answer that comes late is no danger as long as CLAIM is longer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A component that tasks want to be built."""

    name: str
    tasks: Mapping[str, Task]
    """By arch."""
    replaces: int | None = None
    """The Koji task without success in whose place another may be submitted."""
    request: BuildRequest | None = None
    """What to submit; needed of the macros only."""


@dataclass(frozen=True, slots=True)
class Following:
    """There is a Koji task to follow."""

    task_id: int
    said: str
    """About how it came to that."""
    state: ComponentState | None
    """What is recorded of the component."""
    followed: Mapping[str, Followed] = field(default_factory=dict)
    """What the tasks of the arches had followed before."""
    fresh: bool = False
    """Whether it was submitted just now."""


@dataclass(frozen=True, slots=True)
class There:
    """It is finished, and no Koji task made it: imported, reused."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unmade:
    """What is to be submitted has to be made first."""


@dataclass(frozen=True, slots=True)
class Later:
    """Somebody else is submitting it."""


Beginning: TypeAlias = Following | There | Unmade | Later | HubRefused


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A component that is ours to submit."""

    id: int
    since: datetime | None
    """When somebody intended to submit it whose outcome is not recorded."""
    attempts: int
    """That were intended before."""


def begin(
    hub: Hub, registry: Registry, plan: BuildPlan, wanted: Collection[Wanted], holder: str, resume: Callable[[], None]
) -> dict[str, Beginning]:
    """Attach to each component's build, adopt one that nobody recorded, or submit one; gives what has become of each.

    `resume` is called where the module build has failed; it takes it up again if that is right. Raises HubUnavailable
    (what was sent to Koji is found there when this is called again), RegistryUnavailable, and what `resume` raises.
    """
    names = {one.name: one for one in wanted}
    claimed_at = time.monotonic()
    build, found = _claim(registry, plan, wanted, holder)
    if build.state is ModuleState.FAILED:
        resume()
        claimed_at = time.monotonic()
        build, found = _claim(registry, plan, wanted, holder, even_failed=True)
    ours = {name: one for name, one in found.items() if isinstance(one, _Claimed)}
    begun = {name: one for name, one in found.items() if not isinstance(one, _Claimed)}
    if not ours:
        return begun
    requests = {name: names[name].request or component_request(plan, name, build.repo_id) for name in ours}
    made = _look(hub, registry, build, plan, ours, list(requests.values()))
    begun |= _record(hub, registry, plan, names, made)
    open_ = [name for name in ours if name not in made]
    for chunk in (open_[start : start + BATCH] for start in range(0, len(open_), BATCH)):
        left = chunk
        if time.monotonic() - claimed_at > SEND:
            claimed_at = time.monotonic()
            _, again = _claim(registry, plan, [names[name] for name in chunk], holder, even_failed=True)
            left = [name for name in chunk if isinstance(again[name], _Claimed)]
            begun |= dict.fromkeys(set(chunk) - set(left), Later())
        if left:
            tasks = submit(hub, [requests[name] for name in left])
            begun |= _record(hub, registry, plan, names, dict(zip(left, tasks, strict=True)), fresh=True)
    return begun


def _claim(
    registry: Registry, plan: BuildPlan, wanted: Collection[Wanted], holder: str, *, even_failed: bool = False
) -> tuple[ModuleBuildRow, dict[str, Beginning | _Claimed]]:
    """Decide about each by what is recorded, and claim those that are to be submitted; none of a failed build.

    Who cancels the build waits for the end of this transaction, and then for what is claimed (`mbs.steps.cancel`).
    """
    with registry.transaction() as work:
        build = work.builds.steady(plan.build_id)
        if build.state is ModuleState.FAILED and not even_failed:
            return build, {}
        held = work.components.hold(plan.build_id, [one.name for one in wanted])
        return build, {one.name: _decided(held[one.name], one, holder) for one in wanted}


def _decided(component: HeldComponent, wanted: Wanted, holder: str) -> Beginning | _Claimed:
    row = component.row
    if row.state is ComponentState.COMPLETE and (row.reused_from is not None or row.task_id is None):
        return There(row.reason or f"{row.nvr} is there already.")
    if row.task_id is not None and row.task_id != wanted.replaces:
        _follow(component, wanted, row.task_id)
        said = f"Attached to Koji task {row.task_id}."
        return Following(row.task_id, said, row.state, row.followed)
    if component.claimed_by_another(holder, CLAIM):
        return Later()
    if wanted.request is None and wanted.name == MACROS:
        return Unmade()
    _forget(component, row)
    component.intend(holder)
    return _Claimed(row.id, row.intent_time, row.attempt)


def _forget(component: HeldComponent, row: ComponentRow) -> None:
    if row.state is ComponentState.COMPLETE:
        component.finished(ComponentState.DELETED, reason=f"Koji has no complete build of task {row.task_id}.")
    if row.state is not None:
        component.reset(f"Building again after Koji task {row.task_id}." if row.task_id else None)


def _look(
    hub: Hub,
    registry: Registry,
    build: ModuleBuildRow,
    plan: BuildPlan,
    claimed: Mapping[str, _Claimed],
    requests: Collection[BuildRequest],
) -> dict[str, BuildInfo | int]:
    """Find what a crash, or a lost registry, left in Koji (§14.4)."""
    doubtful = {name for name, one in claimed.items() if one.since or one.attempts or not build.has_new_tags}
    builds = find_builds(hub, plan, requests, doubtful)
    since = {name: one.since for name, one in claimed.items() if one.since and name not in builds}
    if not since:
        return {**builds}
    known = registry.components.known_tasks([claimed[name].id for name in since])
    lost = [one for one in requests if one.package in since]
    return {**builds, **find_tasks(hub, lost, min(since.values()), known)}


def _record(
    hub: Hub,
    registry: Registry,
    plan: BuildPlan,
    wanted: Mapping[str, Wanted],
    made: Mapping[str, BuildInfo | int | HubRefused],
    *,
    fresh: bool = False,
) -> dict[str, Beginning]:
    """Record what came of submissions; where somebody was faster, his counts, and ours is canceled."""
    if not made:
        return {}
    with registry.transaction() as work:
        held = work.components.hold(plan.build_id, list(made))
        begun = {name: _recorded(held[name], wanted[name], came, fresh=fresh) for name, came in made.items()}
    needless = [came for name, came in made.items() if isinstance(came, int) and not _follows(begun[name], came)]
    if needless:
        cancel_tasks(hub, needless)
    return begun


def _recorded(
    component: HeldComponent, wanted: Wanted, came: BuildInfo | int | HubRefused, *, fresh: bool
) -> Beginning:
    row = component.row
    if not row.intent and row.task_id == came:
        return Following(came, f"Attached to Koji task {came}.", row.state, row.followed)
    if not row.intent:
        return Later()
    if isinstance(came, HubRefused):
        component.finished(ComponentState.FAILED, reason=str(came))
        return came
    if isinstance(came, BuildInfo):
        component.finished(
            ComponentState.COMPLETE, came.nvr, "Found existing build", task_id=came.task_id, koji_build_id=came.id
        )
        said = f"Found the existing build {came.nvr}."
        if came.task_id is None:
            return There(said)
    else:
        component.submitted(came)
        adopted = f"Adopted Koji task {came}, whose submission was not recorded."
        said = f"Submitted {wanted.name} to Koji as task {came}." if fresh else adopted
    task_id = came if isinstance(came, int) else came.task_id
    assert task_id is not None  # noqa: S101 # the type checker does not see it
    _follow(component, wanted, task_id)
    return Following(task_id, said, component.row.state, row.followed, fresh)


def _follow(component: HeldComponent, wanted: Wanted, task_id: int) -> None:
    for arch, task in wanted.tasks.items():
        component.follow(arch, Followed(task_id, task.round, task.run_started))


def _follows(begun: Beginning, task_id: int) -> bool:
    return isinstance(begun, Following) and begun.task_id == task_id
