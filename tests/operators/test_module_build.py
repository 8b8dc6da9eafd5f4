"""A whole module build, task by task, on a real hub."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from mbs.koji.session import HubSession
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan, PlannedDependency
from mbs.model.states import ComponentState, ModuleState
from mbs.registry import Finished, Registry
from operators.tasks.component import BuildComponentOperator
from operators.tasks.gate import RepoSensor
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator
from tests.conftest import RunningHub
from tests.operators.conftest import AirflowRun, NewPlan, prepare


def test_a_module_is_built_in_order_for_all_arches(
    run: AirflowRun, new_plan: NewPlan, registry: Registry, hub: HubSession
) -> None:
    plan = new_plan(("phrasebook", 1), ("greeter-macros", 1), ("libgreet", 2), ("cpu-greet", 3))
    prepare(run, plan)
    for batch in (1, 2, 3):
        names = [component.name for component in plan.components if component.batch == batch]
        for name in names:
            for arch in plan.arches:
                task = BuildComponentOperator(task_id=f"{name}.{arch}", plan=plan, component=name, arch=arch)
                run.finish(task)
        gate = f"batch_{batch}.repo"
        assert run.finish(RepoSensor(task_id=gate, plan=plan, batch=names)) == "success", run.errors

    assert run.states["phrasebook.aarch64"] == run.states["libgreet.aarch64"] == "success"
    assert run.states["cpu-greet.x86_64"] == "success"
    assert run.states["cpu-greet.aarch64"] == "skipped"
    tagged = {build["name"] for build in hub.call("listTagged", plan.koji_tag)}
    assert tagged == {"phrasebook", "greeter-macros", "libgreet", "cpu-greet"}
    assert {row.name: row.state for row in registry.components.of(plan.build_id)} == dict.fromkeys(
        [*tagged, MACROS], ComponentState.COMPLETE
    )
    assert registry.builds.get(plan.build_id).state is ModuleState.BUILD


def test_the_tag_is_made_once_and_then_left_alone(run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub) -> None:
    plan = new_plan(("phrasebook", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
        before = _writes(running_hub)
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
        assert _writes(running_hub) == before


def _writes(running_hub: RunningHub) -> dict[str, int]:
    names = ("createTag", "editTag2", "packageListAdd", "groupListAdd", "groupPackageListAdd", "setInheritanceData")
    counts = running_hub.counts()
    return {name: counts.get(name, 0) for name in names}


def test_a_half_made_tag_is_completed(run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub) -> None:
    plan = new_plan(("phrasebook", 1))
    admin = running_hub.admin()
    admin.createTag(plan.build_tag, arches="i686", extra={"repo_include_all": False})
    admin.groupListAdd(plan.build_tag, "build")
    assert run.finish(CreateTagOperator(task_id="create_tag", plan=plan)) == "success"
    found = admin.getTag(plan.build_tag)
    assert set(found["arches"].split()) == set(plan.arches)
    assert found["extra"] == dict(plan.tag_extra)
    groups = admin.getTagGroups(plan.build_tag)
    assert {group["name"]: {row["package"] for row in group["packagelist"]} for group in groups} == {
        "build": {"bash", "gcc"},
        "srpm-build": {"bash"},
    }
    assert admin.getBuildTarget(plan.target)["dest_tag_name"] == plan.koji_tag


def test_a_locked_tag_that_differs_fails_the_task_with_what_to_do(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan = new_plan(("phrasebook", 1))
    for tag in (plan.koji_tag, plan.build_tag):
        running_hub.admin().createTag(tag, locked=True)
    assert run.finish(CreateTagOperator(task_id="create_tag", plan=plan)) == "failed"
    assert "is locked" in run.errors["create_tag"]


def test_a_missing_dependency_is_named(run: AirflowRun, new_plan: NewPlan) -> None:
    gone = PlannedDependency("perl", "5", 1, "aaaaaaaa", "module-perl-5-1-gone", priority=10)
    plan = new_plan(("phrasebook", 1), dependencies=(gone,))
    run.finish(CreateTagOperator(task_id="create_tag", plan=plan))
    assert run.finish(LinkDependenciesOperator(task_id="link", plan=plan)) == "failed"
    assert "module-perl-5-1-gone" in run.errors["link"]


def test_a_package_is_blocked_until_the_module_s_own_build_is_there(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan = new_plan(("noarch-words", 1), blocked_packages=("noarch-words",))
    create = CreateTagOperator(task_id="tag", plan=plan)
    link = LinkDependenciesOperator(task_id="link", plan=plan)
    assert run.finish(create) == run.finish(link) == "success"
    assert _blocked(running_hub, plan) == {"noarch-words"}
    build = BuildComponentOperator(task_id="build", plan=plan, component="noarch-words", arch="x86_64")
    gate = RepoSensor(task_id="gate", plan=plan, batch=("noarch-words",))
    assert run.finish(build) == run.finish(gate) == run.finish(create) == "success", run.errors
    assert _blocked(running_hub, plan) == set()


def _blocked(running_hub: RunningHub, plan: BuildPlan) -> set[str]:
    listed = running_hub.admin().listPackages(tagID=plan.build_tag)
    return {row["package_name"] for row in listed if row["blocked"]}


def test_a_gate_does_not_pass_when_the_tag_gives_another_build(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan, other = new_plan(("tool", 1)), new_plan(("tool", 1))
    for built in (plan, other):
        for operator in (CreateTagOperator, LinkDependenciesOperator):
            assert run.finish(operator(task_id=operator.__name__, plan=built)) == "success"
        task_id = f"b{built.build_id}"
        task = BuildComponentOperator(task_id=task_id, plan=built, component="tool", arch="x86_64")
        assert run.finish(task) == "success", run.errors
    gates = {built.build_id: RepoSensor(task_id="gate", plan=built, batch=("tool",)) for built in (plan, other)}
    assert run.finish(gates[plan.build_id]) == run.finish(gates[other.build_id]) == "success", run.errors
    (foreign,) = running_hub.admin().listTagged(other.koji_tag, package="tool")
    running_hub.admin().tagBuildBypass(plan.build_tag, foreign["nvr"])
    assert run.finish(gates[plan.build_id]) == "failed"
    assert "another build of the package was tagged" in run.errors["gate"]


def test_a_request_for_a_repository_that_dies_is_made_again(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub, registry: Registry
) -> None:
    plan = new_plan(("phrasebook", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
    running_hub.set_fault("build_faults", [{"kind": "fail", "stage": "repo"}])
    gate = macros_gate(registry, plan)
    with capture_logs() as log:
        follower = run.hold(gate)
        while not any("Koji gave up repository request" in line["event"] for line in log):
            run.go_on(gate, follower)
            time.sleep(follower.due)
        running_hub.set_fault("build_faults", None)
        assert run.until_ended(gate, follower) == "success", run.errors
    requests = {found for line in log for found in re.findall(r"\(request (\d+)\)", line["event"])}
    assert len(requests) == 2
    assert (registry.builds.get(plan.build_id).repo_id or 0) > 0


def macros_gate(registry: Registry, plan: BuildPlan) -> RepoSensor:
    """Give the gate behind the macros, of a module build that needs none."""
    registry.components.finish(plan.build_id, {MACROS: Finished(ComponentState.COMPLETE)})
    return RepoSensor(task_id="repo", plan=plan, poke_interval=0.2)


def test_before_koji_1_35_a_repository_is_made_by_newrepo(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = new_plan(("phrasebook", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
    monkeypatch.setenv("AIRFLOW_CONN_KOJI_DEFAULT", _admin(running_hub))
    real = HubSession.call

    def old_hub(self: HubSession, method: str, *args: Any, **kwargs: Any) -> Any:
        return real(self, "repo.unknown" if method.startswith("repo.") else method, *args, **kwargs)

    monkeypatch.setattr(HubSession, "call", old_hub)
    assert run.finish(macros_gate(registry, plan)) == "success", run.errors
    assert registry.builds.get(plan.build_id).repo_id == running_hub.admin().getRepo(plan.build_tag)["id"]


def _admin(running_hub: RunningHub) -> str:
    return json.dumps({"conn_type": "koji", "host": running_hub.url, "login": "kojiadmin", "password": "kojiadmin"})


def renamed_plan(new_plan: NewPlan, packages: tuple[str, ...], **fields: Any) -> BuildPlan:
    """A module whose component scl-tool is package rh-tool; `packages` are the lists of its tags."""
    return new_plan(("scl-tool", 1), packages=packages, **fields)


def build_all(run: AirflowRun, plan: BuildPlan, component: str) -> None:
    """Build a component on all its arches: with the last one it is complete."""
    for arch in plan.arches:
        build = BuildComponentOperator(task_id=f"build.{arch}", plan=plan, component=component, arch=arch)
        assert run.finish(build) == "success", run.errors


def build_renamed(run: AirflowRun, plan: BuildPlan) -> Any:
    """Build it as far as its gate, and give that."""
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
    build_all(run, plan, "scl-tool")
    return RepoSensor(task_id="gate", plan=plan, batch=("scl-tool",))


def test_a_component_whose_spec_has_another_name_that_is_on_the_whitelist_passes_its_gate(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub, registry: Registry
) -> None:
    plan = renamed_plan(new_plan, ("rh-tool",), blocked_packages=("rh-tool",))
    gate = build_renamed(run, plan)
    assert _blocked(running_hub, plan) == {"rh-tool"}
    assert run.finish(gate) == "success", run.errors
    assert _blocked(running_hub, plan) == set()
    (tagged,) = running_hub.admin().listTagged(plan.koji_tag)
    (row,) = [row for row in registry.components.of(plan.build_id) if row.name == "scl-tool"]
    assert (tagged["package_name"], tagged["nvr"]) == ("rh-tool", row.nvr)


def test_a_component_whose_spec_has_another_name_that_no_tag_takes_is_told_with_what_to_do(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan = renamed_plan(new_plan, ("scl-tool",))
    gate = build_renamed(run, plan)
    assert run.finish(gate) == "failed"
    error = run.errors["gate"]
    assert f"component scl-tool as rh-tool-1-1.{plan.dist}" in error
    for tag in (plan.build_tag, plan.koji_tag):
        assert f"package rh-tool is not in the package list of tag {tag}" in error
        running_hub.admin().packageListAdd(tag, "rh-tool", "mbs")
    assert "buildopts.rpms.whitelist" in error
    run.clear(gate)
    assert run.finish(gate) == "success", run.errors


def test_a_renamed_build_that_nobody_recorded_is_found_by_its_source_and_not_made_twice(
    run: AirflowRun, new_plan: NewPlan, running_hub: RunningHub, registry: Registry
) -> None:
    plan = renamed_plan(new_plan, ("rh-tool", "unrelated"))
    build_renamed(run, plan)
    with registry.component(plan.build_id, "scl-tool") as component:
        before = component.row
        component.finished(ComponentState.DELETED)
        component.reset()
    submitted = running_hub.counts()["build"]
    build = BuildComponentOperator(task_id="again", plan=plan, component="scl-tool", arch="aarch64")
    assert run.finish(build) == "success", run.errors
    assert running_hub.counts()["build"] == submitted
    (row,) = [row for row in registry.components.of(plan.build_id) if row.name == "scl-tool"]
    assert (row.state, row.nvr) == (ComponentState.COMPLETE, before.nvr)


@pytest.mark.parametrize("who", ["another source", "another target", "another user"])
def test_an_untagged_build_of_others_is_not_adopted(
    run: AirflowRun,
    new_plan: NewPlan,
    running_hub: RunningHub,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
) -> None:
    """Somebody who may build anything may give it a release that ends like ours."""
    plan = new_plan(("tool", 1))
    for operator in (CreateTagOperator, LinkDependenciesOperator):
        assert run.finish(operator(task_id=operator.__name__, plan=plan)) == "success"
    other = plan
    if who == "another source":
        source = f"{plan.components[0].source[:-40]}main"
        other = replace(plan, components=(replace(plan.components[0], source=source),))
    if who == "another target":
        other = replace(plan, target=f"{plan.target}-other")
        running_hub.admin().createBuildTarget(other.target, plan.build_tag, plan.koji_tag)
    with monkeypatch.context() as theirs:
        if who == "another user":
            theirs.setenv("AIRFLOW_CONN_KOJI_DEFAULT", _admin(running_hub))
        build_all(run, other, "tool")
    with registry.component(plan.build_id, "tool") as component:
        before = component.row.task_id
        component.finished(ComponentState.DELETED)
        component.reset()
    ours = BuildComponentOperator(task_id="ours", plan=plan, component="tool", arch="x86_64")
    run.hold(ours)
    (row,) = [row for row in registry.components.of(plan.build_id) if row.name == "tool"]
    assert row.task_id not in {before, None}
