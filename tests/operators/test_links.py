"""The links of a task into Koji, as the API server finds them: in what Airflow has stored of a DAG, with our plugin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.types import TaskInstanceKey
from airflow.serialization.serialized_objects import DagSerialization

from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.planning.ids import MACROS_BUILD, MACROS_REPO, dag_id
from mbs.registry import ComponentState, Registry, engine_for
from mbs.registry.rows import Finished, Followed
from operators.graph import module_build_dag
from tests.conftest import RunningHub
from tests.operators.conftest import NewPlan

TASK = "batch_1.tool.x86_64"
NONE = {"Koji build": "", "Koji task": "", "Koji logs": ""}


def links_of(plan: BuildPlan, task_id: str = TASK) -> dict[str, str | None]:
    task = DagSerialization.from_dict(DagSerialization.to_dict(module_build_dag(plan))).get_task(task_id)
    shown: Any = SimpleNamespace(key=TaskInstanceKey(dag_id(plan.nsvc), task_id, "run"))
    return {name: task.get_extra_links(shown, name) for name in task.extra_links}


def follow(registry: Registry, plan: BuildPlan, name: str, arch: str) -> None:
    with registry.component(plan.build_id, name) as component:
        component.intend("test")
        component.submitted(7)
        component.follow(arch, Followed(7, 0))


def test_a_task_has_its_links_as_soon_as_the_registry_knows_them(
    registry: Registry, new_plan: NewPlan, running_hub: RunningHub
) -> None:
    plan, koji = new_plan(("tool", 1)), running_hub.url.removesuffix("/kojihub")
    assert links_of(plan) == NONE
    follow(registry, plan, "tool", "x86_64")
    assert links_of(plan) == NONE | {"Koji task": f"{koji}/koji/taskinfo?taskID=7"}
    with registry.component(plan.build_id, "tool") as component:
        component.builds_arch("x86_64", 20_008)
    registry.components.finish(
        plan.build_id, {"tool": Finished(ComponentState.COMPLETE, "tool-1-1", task_id=7, koji_build_id=9)}
    )
    assert links_of(plan) == {
        "Koji build": f"{koji}/koji/buildinfo?buildID=9",
        "Koji task": f"{koji}/koji/taskinfo?taskID=7",
        "Koji logs": f"{koji}/kojifiles/work/tasks/8/20008/",
    }
    assert links_of(plan, "batch_1.tool.aarch64")["Koji logs"] == "", "its task has not begun"


def test_the_macros_have_links_and_tasks_that_build_nothing_have_none(registry: Registry, new_plan: NewPlan) -> None:
    plan = new_plan(("tool", 1))
    follow(registry, plan, MACROS, "noarch")
    assert str(links_of(plan, MACROS_BUILD)["Koji task"]).endswith("=7")
    assert links_of(plan, MACROS_REPO) == {}


def test_a_task_is_shown_without_links_where_the_registry_does_not_answer(
    new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = new_plan(("tool", 1))
    monkeypatch.setattr("operators.links.registry", lambda: Registry(engine_for("postgresql://nobody@127.0.0.1:1/x")))
    assert links_of(plan) == NONE
