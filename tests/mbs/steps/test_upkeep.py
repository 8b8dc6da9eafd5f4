"""Upkeep over a real hub and a real registry, months later."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mbs.koji.session import HubAccount, HubSession
from mbs.koji.tags import ensure_tags
from mbs.model.plan import BuildPlan
from mbs.registry import Allocation, ComponentState, ModuleState, Registry
from mbs.settings import Settings
from mbs.steps.upkeep import Upkeep
from tests.conftest import RunningHub, record

NewPlan = Callable[[], BuildPlan]


@pytest.fixture
def hub(running_hub: RunningHub) -> Iterator[HubSession]:
    with HubSession(HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")) as session:
        yield session


@pytest.fixture
def new_plan(registry: Registry, example_plan: BuildPlan, hub: HubSession) -> NewPlan:
    """Record a build in state build, its tags in Koji."""

    def make() -> BuildPlan:
        tag = f"module-{uuid.uuid4().hex}"
        nsvc = replace(example_plan.nsvc, context=uuid.uuid4().hex[:8])

        def plan_for(allocation: Allocation) -> BuildPlan:
            plan = replace(example_plan, nsvc=nsvc, build_id=allocation.build_id, tag_permission=None, dependencies=())
            return replace(plan, koji_tag=tag, build_tag=f"{tag}-build", target=tag)

        plan = registry.documents.plan(record(registry, nsvc, plan_for).build.id)
        registry.builds.transition(plan.build_id, ModuleState.BUILD, None, "test")
        ensure_tags(hub, plan)
        return plan

    return make


def later(hub: HubSession, registry: Registry, *, days: float, dry_run: bool = False) -> Upkeep:
    return Upkeep(hub, registry, Settings(), dry_run=dry_run, now=datetime.now(UTC) + timedelta(days=days))


def task_state(hub: HubSession, task_id: int) -> int:
    state: int = hub.call("getTaskInfo", task_id)["state"]
    return state


def submit_component(hub: HubSession, registry: Registry, plan: BuildPlan, source: str) -> int:
    """Have Koji build a component of the plan; without a repository it waits."""
    task_id: int = hub.call("build", source, plan.target, {"skip_tag": True, "wait_repo": True})
    with registry.component(plan.build_id, "alpha") as component:
        component.submitted(task_id)
    return task_id


def test_a_target_is_deleted_when_its_build_is_over(hub: HubSession, registry: Registry, new_plan: NewPlan) -> None:
    ready, building = new_plan(), new_plan()
    for state in (ModuleState.DONE, ModuleState.READY):
        registry.builds.transition(ready.build_id, state, None, "test")
    for dry_run in (True, False):
        said = later(hub, registry, days=2, dry_run=dry_run).delete_old_targets()
        assert said == [f"Target {ready.target} is deleted."]
        assert (hub.call("getBuildTarget", ready.target) is None) is not dry_run
    assert hub.call("getBuildTarget", building.target) is not None
    assert later(hub, registry, days=2).delete_old_targets() == []


def test_a_build_that_failed_long_ago_is_collected(hub: HubSession, registry: Registry, new_plan: NewPlan) -> None:
    plan = new_plan()
    registry.builds.transition(plan.build_id, ModuleState.FAILED, "no luck", "test")
    assert later(hub, registry, days=179).collect_failed_builds() == []
    assert len(later(hub, registry, days=181, dry_run=True).collect_failed_builds()) == 1
    assert registry.builds.get(plan.build_id).state is ModuleState.FAILED
    assert len(later(hub, registry, days=181).collect_failed_builds()) == 1
    build = registry.builds.get(plan.build_id)
    assert (build.state, build.state_reason) == (
        ModuleState.GARBAGE,
        "The module was garbage collected since it has failed over 180 day(s) ago",
    )


def test_a_stuck_build_is_canceled_with_what_koji_still_does(
    hub: HubSession, registry: Registry, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan = new_plan()
    running_hub.set_fault("build_faults", [{"kind": "slow", "package": "*", "seconds": 60}])
    task_id = submit_component(hub, registry, plan, running_hub.sources["rpms/phrasebook"])
    assert later(hub, registry, days=6).cancel_stuck_builds() == []
    assert later(hub, registry, days=8).cancel_stuck_builds() == [
        f"{plan.nsvc} was in build for more than 7 days: canceled."
    ]
    running_hub.set_fault("build_faults", None)
    assert registry.builds.get(plan.build_id).state is ModuleState.FAILED
    assert task_state(hub, task_id) == 3
    assert ComponentState.CANCELED in {row.state for row in registry.components.of(plan.build_id)}


def test_a_build_without_a_run_gets_another(hub: HubSession, registry: Registry, new_plan: NewPlan) -> None:
    plan, other = new_plan(), new_plan()
    has_run = {plan.nsvc: False, other.nsvc: True}
    said = later(hub, registry, days=1).restart_lost_builds(has_run.__getitem__)
    assert said == [f"{plan.nsvc} is in build without a run in Airflow: it gets one."]
    assert registry.builds.get(plan.build_id).time_restarted is not None
    assert registry.builds.get(other.build_id).time_restarted is None
    assert later(hub, registry, days=0).restart_lost_builds(lambda _: False) == []


def test_a_component_left_behind_is_settled(
    hub: HubSession, registry: Registry, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan = new_plan()
    running_hub.set_fault("build_faults", [{"kind": "slow", "package": "*", "seconds": 60}])
    task_id = submit_component(hub, registry, plan, running_hub.sources["rpms/phrasebook"])
    registry.builds.transition(plan.build_id, ModuleState.FAILED, "Canceled by pat.", "pat")
    assert later(hub, registry, days=0).settle_components() == []
    hub.call("cancelTask", task_id)
    running_hub.set_fault("build_faults", None)
    assert later(hub, registry, days=1).settle_components() == [f"alpha of module build {plan.build_id} is CANCELED."]
    assert later(hub, registry, days=1).settle_components() == []
