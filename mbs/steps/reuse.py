"""Reusing finished component builds of an earlier module build: what `mbs.planning.reuse` decides, done (§15).

Only components that nothing has happened to are decided about, so that the step may be killed at any line and taken
again, and a resumed module build keeps what it had. What is reused is complete in the registry at once; the gates
tag it like anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mbs.expansion import ExpansionSettings
from mbs.expansion.base_modules import find_base_modules
from mbs.koji.builds import BuildState
from mbs.koji.session import Hub, call
from mbs.model.errors import HubRefused, NotFound, Unprocessable, UnreadablePlan
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan, Strategy
from mbs.model.states import ComponentState
from mbs.planning.macros import packagers_macros
from mbs.planning.reuse import ModuleFacts, Refusal, Reused, accepted_contexts, choose_previous, reusable, without_lost
from mbs.registry import Registry
from mbs.registry.rows import ComponentRow, Finished, ModuleBuildRow
from mbs.registry.stored import RegistryStore
from mbs.steps import Log

REASON = "Reused component from previous module build"
UNNEEDED_MACROS = "Not built: every component is reused"


def reuse_components(hub: Hub, registry: Registry, plan: BuildPlan, settings: ExpansionSettings, *, log: Log) -> None:
    """Choose the earlier build, decide about every component, and record it; raise HubUnavailable, HubRefused.

    The chosen build is kept, so that a later try takes from the same one. Without one there is one message about the
    module, else one about each component that is built again. When everything is reused, the macros are not built.
    """
    strategy = Strategy(plan.rebuild_strategy)
    previous = _previous(registry, plan, settings, strategy)
    if previous is None:
        registry.messages.add(plan.build_id, {None: _nothing_to_take(plan, strategy)})
        log("There is no earlier module build to take components from, or none is wanted.")
        return
    rows = {row.name: row for row in registry.components.of(plan.build_id)}
    waiting = {name for name, row in rows.items() if row.state is None and not row.intent and name != MACROS}
    decided = _decide(hub, registry, plan, previous.id, strategy)
    earlier = {row.name: row for row in registry.components.of(previous.id)}
    ends = {name: _end(earlier[name]) for name, one in decided.items() if name in waiting and isinstance(one, Reused)}
    refused = {name: one.reason for name, one in decided.items() if name in waiting and isinstance(one, Refusal)}
    with registry.transaction() as work:
        work.components.finish(plan.build_id, {**ends, **_unneeded_macros(rows, ends)})
        work.messages.add(plan.build_id, {rows[name].id: reason for name, reason in refused.items()})
    log(f"Taken over from {previous.nsvc}: {', '.join(end.nvr or '' for end in ends.values()) or 'nothing'}.")
    for reason in refused.values():
        log(reason)


def _previous(
    registry: Registry, plan: BuildPlan, settings: ExpansionSettings, strategy: Strategy
) -> ModuleBuildRow | None:
    """Give the build to take from: the one that was asked for or chosen before, else the best fitting (§15.1)."""
    build = registry.builds.get(plan.build_id)
    if strategy is Strategy.ALL:
        return None
    if build.reuse_from_id is not None:
        return registry.builds.get(build.reuse_from_id)
    streams = {one.name: one.stream for one in plan.dependencies}
    contexts = accepted_contexts(streams, _base_modules(registry, streams, settings))
    candidates = (row for row in registry.builds.reusable(plan.nsvc.name, plan.nsvc.stream) if row.id != build.id)
    chosen = choose_previous(candidates, contexts, strategy)
    if chosen is not None:
        registry.builds.reuse_from(build.id, chosen.id)
    return chosen


def _base_modules(
    registry: Registry, streams: Mapping[str, str], settings: ExpansionSettings
) -> Sequence[tuple[str, str]]:
    """Give the base modules that an earlier build may have been built against, the best first.

    That is the module's own alone where base modules of other releases count as compatible, and where its own is
    no longer there to be compared.
    """
    own = [(name, streams[name]) for name in settings.base_module_names if name in streams]
    if not settings.allow_only_compatible_base_modules or not own:
        return own
    wanted = [{name: [stream] for name, stream in own}]
    try:
        found = find_base_modules(wanted, RegistryStore(registry.engine, settings.base_module_names), settings)
    except Unprocessable:
        return own
    return [(module.nsvc.name, module.nsvc.stream) for family in found.searches for module in family]


def _decide(
    hub: Hub, registry: Registry, plan: BuildPlan, previous_id: int, strategy: Strategy
) -> dict[str, Reused | Refusal]:
    """Decide about every component; a build that Koji no longer has complete is not reused."""
    try:
        previous = _facts(registry.documents.plan(previous_id))
    except (NotFound, UnreadablePlan):
        previous = None
    decided = reusable(_facts(plan), previous, strategy)
    nvrs = {row.name: row.nvr for row in registry.components.of(previous_id)}
    taken = {name: nvrs.get(name) for name, one in decided.items() if isinstance(one, Reused)}
    return without_lost(decided, plan.components, _lost(hub, taken), strategy)


def _facts(plan: BuildPlan) -> ModuleFacts:
    return ModuleFacts(plan.components, packagers_macros(plan.macros.macros))


def _lost(hub: Hub, nvrs: Mapping[str, str | None]) -> Collection[str]:
    """Give the components whose build Koji does not have complete."""
    answers = hub.multicall(call("getBuild", nvr) for nvr in nvrs.values() if nvr)
    for answer in answers:
        if isinstance(answer, HubRefused):
            raise answer
    complete = {build["nvr"] for build in answers if build and build["state"] == BuildState.COMPLETE}
    return {name for name, nvr in nvrs.items() if nvr not in complete}


def _end(earlier: ComponentRow) -> Finished:
    return Finished(
        ComponentState.COMPLETE,
        earlier.nvr,
        REASON,
        task_id=earlier.task_id,
        koji_build_id=earlier.koji_build_id,
        reused_from=earlier.id,
    )


def _unneeded_macros(rows: Mapping[str, ComponentRow], ends: Mapping[str, Finished]) -> dict[str, Finished]:
    """Settle the macros when nothing is left that would be built with them."""
    complete = {name for name, row in rows.items() if row.state is ComponentState.COMPLETE}
    needed = rows.keys() - complete - ends.keys() - {MACROS}
    if needed or MACROS not in rows or rows[MACROS].state is not None or rows[MACROS].intent:
        return {}
    return {MACROS: Finished(ComponentState.COMPLETE, reason=UNNEEDED_MACROS)}


def _nothing_to_take(plan: BuildPlan, strategy: Strategy) -> str:
    if strategy is Strategy.ALL:
        return 'No component is reused because the module rebuild strategy is "all".'
    return f"No component is reused: there is no earlier build of {plan.nsvc.name}:{plan.nsvc.stream} that fits."
