"""The DAG of a module build, as Airflow sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from msgspec.structs import replace

from mbs.model.naming import KOJI_BUILDS
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedComponent, Publication, to_json
from operators.graph import module_build_dag

Plans = Callable[..., BuildPlan]
Components = Callable[..., PlannedComponent]

LARGEST_SERIALIZED = 1_500_000
"""Bytes that 400 components on 4 arches may take in Airflow's database; 1.06 million were measured."""


@pytest.fixture(name="small")
def _small(plan: Plans, component: Components) -> BuildPlan:
    return plan([component("libgreet", 1, priority=70), component("python3.11", 2), component("gtk+", 2)])


def serialized(plan: BuildPlan) -> str:
    return json.dumps(DagSerialization.to_dict(module_build_dag(plan)), sort_keys=True)


def test_it_starts_once_and_by_itself(small: BuildPlan) -> None:
    dag = module_build_dag(small)
    assert dag.dag_id == "greeter.1.20261122160000.c0ffee42"
    assert dag.dag_display_name == "greeter:1:20261122160000:c0ffee42"
    assert dag.timetable.can_be_scheduled
    assert dag.is_paused_upon_creation is False
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.tags == {"greeter", "stream:1", "owner:alice"}


def test_a_whole_pool_of_builds_can_run_in_one_module(plan: Plans, component: Components) -> None:
    dag = module_build_dag(plan([component(f"c{number}") for number in range(300)]))
    assert dag.max_active_tasks > 600


def test_builds_share_the_pool_and_nothing_else_is_in_it(small: BuildPlan) -> None:
    tasks = module_build_dag(small).tasks
    pooled = {task.task_id for task in tasks if task.pool == KOJI_BUILDS}
    builds = {task.task_id for task in tasks if task.task_id.startswith("batch_") and not task.task_id.endswith("repo")}
    assert pooled == builds | {"macros.build.noarch"}


def test_a_gate_opens_when_a_component_is_skipped_on_an_arch(small: BuildPlan) -> None:
    assert module_build_dag(small).get_task("batch_2.repo").trigger_rule == "none_failed"


def test_the_failure_is_recorded_after_any_failed_task(small: BuildPlan) -> None:
    task = module_build_dag(small).get_task("record_failure")
    assert task.trigger_rule == "one_failed"
    assert task.upstream_task_ids == {"publish.mark_ready"}


def test_every_task_is_retried_when_the_infrastructure_fails(small: BuildPlan) -> None:
    assert min(task.retries or 0 for task in module_build_dag(small).tasks) >= 3


def test_the_graph_has_a_group_for_each_batch_and_in_it_one_for_each_component(small: BuildPlan) -> None:
    groups = module_build_dag(small).task_group.get_task_group_dict()
    assert set(groups) == {
        None, "prepare", "macros", "publish", "batch_1", "batch_1__libgreet",
        "batch_2", "batch_2__python3_11", "batch_2__gtk_2b",
    }  # fmt: skip
    assert groups["batch_2__gtk_2b"].group_display_name == "gtk+"
    assert set(groups["batch_1"].children) == {"batch_1__libgreet", "batch_1.repo"}
    assert list(groups["batch_1__libgreet"].children) == ["batch_1.libgreet.x86_64", "batch_1.libgreet.aarch64"]
    assert module_build_dag(small).get_task("batch_1.libgreet.x86_64").task_display_name == "libgreet.x86_64"


def test_a_worker_gets_only_the_task_it_came_for(small: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = module_build_dag(small).get_task("batch_2.gtk_2b.aarch64")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "greeter.1.20261122160000.c0ffee42")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "batch_2.gtk_2b.aarch64")
    dag = module_build_dag(small)
    assert dag.task_ids == ["batch_2.gtk_2b.aarch64"]
    only: Any = dag.tasks[0]
    assert (only.component, only.arch) == ("gtk+", "aarch64")
    assert (only.pool, only.priority_weight) == (whole.pool, whole.priority_weight)


def test_nothing_in_a_document_becomes_markdown_or_html(plan: Plans, component: Components) -> None:
    nasty = plan([component("a")], scmurl="https://x/`|<script>alert(1)</script>\n# heading", branch=None)
    page = module_build_dag(nasty).doc_md or ""
    [line] = [line for line in page.splitlines() if line.startswith("| Source")]
    assert line == r"| Source | `` https://x/`\x7c<script>alert(1)</script> # heading `` |"


def test_what_acts_or_hides_in_a_document_is_written_out_wherever_the_dag_shows_it(
    plan: Plans, component: Components
) -> None:
    source = f"https://x/\x1b[31m\u200b{'y' * 500}#c"
    nasty = plan([replace(component("a\u202eb"), source=source)], owner="eve\u2066")
    dag = module_build_dag(nasty)
    groups = [group for group in dag.task_group_dict.values() if group]
    shown = [
        dag.doc_md,
        dag.description,
        dag.dag_display_name,
        *dag.tags,
        *(task.task_display_name for task in dag.tasks),
    ]
    shown += [text for group in groups for text in (group.group_display_name, group.tooltip)]
    assert all(text is None or text.replace("\n", "").isprintable() for text in shown)
    assert max(len(group.tooltip) for group in groups) <= 400


def test_no_field_of_any_task_is_a_template(plan: Plans, component: Components) -> None:
    asked = plan([component("libgreet")], publication=Publication("1", "1.c", needs_approval=True))
    templates = {task.task_id: task.template_fields for task in module_build_dag(asked).tasks if task.template_fields}
    assert not templates


def test_every_task_is_tried_again_when_its_worker_is_lost(plan: Plans, component: Components) -> None:
    asked = plan([component("libgreet")], publication=Publication("1", "1.c", needs_approval=True))
    assert {task.task_id for task in module_build_dag(asked).tasks if (task.retries or 0) < 3} == set()


def test_the_id_takes_any_stream(plan: Plans) -> None:
    dag = module_build_dag(plan([], nsvc=NSVC("perl", "5.24+rc~1", 1, "00000000")))
    assert dag.dag_id.startswith("perl.5.24-rc-1.1.00000000.-")


def test_the_dag_survives_serialization(small: BuildPlan) -> None:
    read = DagSerialization.from_dict(json.loads(serialized(small)))
    assert set(read.task_dict) == set(module_build_dag(small).task_dict)


def test_the_largest_modules_stay_small_in_the_database(plan: Plans, component: Components) -> None:
    arches = ("x86_64", "aarch64", "ppc64le", "s390x")
    largest = plan([component(f"component-{n}", 1 + n // 40, arches=arches) for n in range(400)])
    assert len(serialized(largest)) < LARGEST_SERIALIZED


def test_the_same_plan_gives_the_same_dag_in_every_process(small: BuildPlan, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(to_json(small))
    script = (
        "import sys; from airflow.models.serialized_dag import SerializedDagModel;"
        "from airflow.serialization.serialized_objects import DagSerialization;"
        "from operators.graph import module_build_dag; from mbs.model.plan import from_json;"
        "plan = from_json(open(sys.argv[1]).read());"
        "print(SerializedDagModel.hash(DagSerialization.to_dict(module_build_dag(plan))))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script, str(path)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for seed in ("1", "2")
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    "names",
    [("foo.bar", "foo_bar"), ("a+", "a_2b"), ("x", "x.repo", "x.x86_64"), ("a" + "+" * 127, "a" + "." * 127, "A")],
)
@pytest.mark.parametrize("ordered", [False, True])
def test_components_whose_names_differ_become_one_dag(
    plan: Plans, component: Components, names: tuple[str, ...], ordered: bool
) -> None:
    components = [component(name) for name in names]
    if ordered:
        components.append(component("last", 2, after=names))
    read = DagSerialization.from_dict(json.loads(serialized(plan(components))))
    assert {f"{name}.x86_64" for name in names} <= {task.task_display_name for task in read.tasks}
