"""The DAG of a module build: Airflow's objects for the tasks that `dags.shape` gives.

This is the one place that instantiates the operators. It is a pure function of the plan: the same plan gives the
same DAG in every process, so that Airflow keeps one version of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import pendulum
from airflow.configuration import conf
from airflow.sdk import DAG, BaseOperator, TaskGroup, get_parsing_context
from airflow.timetables.events import EventsTimetable

from dags import describe
from dags.describe import GroupText
from dags.shape import Kind, Node, shape
from mbs.naming import KOJI_BUILDS
from mbs.plan import BuildPlan
from mbs.quoting import plain
from operators import tasks
from operators.identifiers import dag_id, group_id

LONG_AGO = "2020-01-01T00:00:00+00:00"
"""Any moment of the past, for a plan that nobody submitted."""

GROUP_COLORS = {"prepare": "#e8f0fe", "macros": "#fef3e0", "publish": "#e6f4ea"}

OPERATORS: Mapping[Kind, Callable[..., BaseOperator]] = {
    Kind.CREATE_TAG: tasks.CreateTagOperator,
    Kind.LINK_DEPENDENCIES: tasks.LinkDependenciesOperator,
    Kind.REUSE_COMPONENTS: tasks.ReuseComponentsOperator,
    Kind.BUILD_MACROS: tasks.BuildMacrosOperator,
    Kind.BUILD_COMPONENT: tasks.BuildComponentOperator,
    Kind.REPO: tasks.RepoOperator,
    Kind.FINAL_MODULEMD: tasks.FinalModulemdOperator,
    Kind.IMPORT_BUILD: tasks.ImportBuildOperator,
    Kind.APPROVE: tasks.ApproveOperator,
    Kind.MARK_READY: tasks.MarkReadyOperator,
    Kind.RECORD_FAILURE: tasks.RecordFailureOperator,
}


def module_build_dag(plan: BuildPlan, *, submitted: str = LONG_AGO, restarted: str | None = None) -> DAG:
    """Make the DAG of a module build, which was `submitted` then, and last asked for again when it was `restarted`.

    Times are ISO 8601. `@once` gives the DAG a run of the time of its submission as soon as it is known.

    A worker that parses the file for one task gets a DAG with only that task, so that the start of a task costs the
    same whatever the size of the module.
    """
    wanted = get_parsing_context()
    dag = _dag(plan, submitted, restarted)
    if wanted.dag_id == dag.dag_id and wanted.task_id is not None:
        for node in shape(plan):
            if node.task_id == wanted.task_id:
                _task(dag, plan, node, None)
    else:
        _whole(dag, plan, tuple(shape(plan)))
    return dag


def _dag(plan: BuildPlan, submitted: str, restarted: str | None) -> DAG:
    """Make the DAG without tasks.

    It has a run as soon as it is known. One that is asked for again has another run, of that time: whoever asks (a
    form, the API, a command) only tells the registry, and the scheduler does the rest. Its tasks find what is done.
    """
    return DAG(
        dag_id(plan.nsvc),
        dag_display_name=plain(str(plan.nsvc)),
        description=describe.summary(plan),
        doc_md=describe.page(plan),
        schedule=_schedule(restarted),
        start_date=datetime.fromisoformat(submitted),
        catchup=restarted is not None,  # else Airflow would leave out a time that has passed
        is_paused_upon_creation=False,
        max_active_runs=1,
        max_active_tasks=16 + sum(len(component.arches) for component in plan.components),
        tags=describe.tags(plan),
        default_args={"owner": plan.owner},
        owner_links={plan.owner: describe.owner_link(plan.owner, conf.get("api", "base_url", fallback=""))},
    )


def _schedule(restarted: str | None) -> str | EventsTimetable:
    if restarted is None:
        return "@once"
    # The class of the same name in airflow.sdk is not serialised rightly by Airflow 3.3.2.
    return EventsTimetable([pendulum.DateTime.fromisoformat(restarted)], description="When it was asked for again")


def _whole(dag: DAG, plan: BuildPlan, nodes: tuple[Node, ...]) -> None:
    texts = describe.groups(plan)
    groups: dict[str, TaskGroup] = {}
    made: dict[str, BaseOperator] = {}
    for node in nodes:
        made[node.task_id] = _task(dag, plan, node, _group(dag, texts, groups, node.groups))
        for task_id in node.upstream:
            made[task_id].set_downstream(made[node.task_id])


def _task(dag: DAG, plan: BuildPlan, node: Node, group: TaskGroup | None) -> BaseOperator:
    return OPERATORS[node.kind](
        task_id=node.task_id,
        task_display_name=plain(node.label),
        plan=plan,
        dag=dag,
        task_group=group,
        priority_weight=node.priority,
        weight_rule="absolute",
        **specific(node),
    )


def specific(node: Node) -> dict[str, Any]:
    """Give the arguments that only this kind of task takes."""
    if node.kind is Kind.BUILD_COMPONENT:
        return {"component": node.component, "arch": node.arch, "gates": node.upstream, "pool": KOJI_BUILDS}
    if node.kind is Kind.BUILD_MACROS:
        return {"pool": KOJI_BUILDS}
    if node.kind is Kind.REPO:
        # A component that is not built for an arch is skipped there, and that holds nothing up.
        return {"batch": node.gate_for, "macros": not node.gate_for, "trigger_rule": "none_failed"}
    return {}


def _group(
    dag: DAG, texts: Mapping[str, GroupText], groups: dict[str, TaskGroup], prefixes: Iterable[str]
) -> TaskGroup | None:
    parent: TaskGroup | None = None
    for prefix in prefixes:
        if prefix not in groups:
            groups[prefix] = TaskGroup(
                group_id(prefix),
                group_display_name=texts[prefix].label,
                tooltip=texts[prefix].tooltip,
                ui_color=GROUP_COLORS.get(prefix, "#f1f3f4"),
                prefix_group_id=False,
                parent_group=parent,
                dag=dag,
            )
        parent = groups[prefix]
    return parent
