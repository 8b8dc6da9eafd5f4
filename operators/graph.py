"""The compile step: a plan becomes the DAG of its module build, with what the UI says about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pendulum
from airflow.configuration import conf
from airflow.sdk import DAG, BaseOperator, TaskGroup, get_parsing_context
from airflow.timetables.events import EventsTimetable

from mbs.model.naming import KOJI_BUILDS
from mbs.model.plan import BuildPlan, PlannedComponent
from mbs.model.quoting import code, plain, quoted
from mbs.planning.graph import Kind, Node, graph
from mbs.planning.ids import component_prefix, dag_id, group_id
from operators.tasks.component import BuildComponentOperator, BuildMacrosOperator
from operators.tasks.gate import RepoSensor
from operators.tasks.prepare import CreateTagOperator, LinkDependenciesOperator, ReuseComponentsOperator
from operators.tasks.publish import (
    ApproveOperator,
    FinalModulemdOperator,
    ImportBuildOperator,
    MarkReadyOperator,
    RecordFailureOperator,
)

LONG_AGO = "2020-01-01T00:00:00+00:00"
"""Any moment of the past, for a plan that nobody submitted."""

KOJI_EXECUTOR = "KojiExecutor"
"""Where `[core] executor` has it, it holds all tasks but the question to a person."""

GROUP_COLORS = {"prepare": "#e8f0fe", "macros": "#fef3e0", "publish": "#e6f4ea"}

OPERATORS: Mapping[Kind, Callable[..., BaseOperator]] = {
    Kind.CREATE_TAG: CreateTagOperator,
    Kind.LINK_DEPENDENCIES: LinkDependenciesOperator,
    Kind.REUSE_COMPONENTS: ReuseComponentsOperator,
    Kind.BUILD_MACROS: BuildMacrosOperator,
    Kind.BUILD_COMPONENT: BuildComponentOperator,
    Kind.REPO: RepoSensor,
    Kind.FINAL_MODULEMD: FinalModulemdOperator,
    Kind.IMPORT_BUILD: ImportBuildOperator,
    Kind.APPROVE: ApproveOperator,
    Kind.MARK_READY: MarkReadyOperator,
    Kind.RECORD_FAILURE: RecordFailureOperator,
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
        for node in graph(plan):
            if node.task_id == wanted.task_id:
                _task(dag, plan, node, None)
    else:
        _whole(dag, plan, tuple(graph(plan)))
    return dag


def _dag(plan: BuildPlan, submitted: str, restarted: str | None) -> DAG:
    """Make the DAG without tasks.

    It has a run as soon as it is known. One that is asked for again has another run, of that time: whoever asks (a
    form, the API, a command) only tells the registry, and the scheduler does the rest. Its tasks find what is done.
    """
    return DAG(
        dag_id(plan.nsvc),
        dag_display_name=plain(str(plan.nsvc)),
        description=summary(plan),
        doc_md=page(plan),
        schedule=_schedule(restarted),
        start_date=datetime.fromisoformat(submitted),
        catchup=restarted is not None,  # else Airflow would leave out a time that has passed
        is_paused_upon_creation=False,
        max_active_runs=1,
        max_active_tasks=16 + sum(len(component.arches) for component in plan.components),
        tags=tags(plan),
        default_args={"owner": plan.owner},
        owner_links={plan.owner: owner_link(plan.owner, conf.get("api", "base_url", fallback=""))},
    )


def _schedule(restarted: str | None) -> str | EventsTimetable:
    if restarted is None:
        return "@once"
    # The class of the same name in airflow.sdk is not serialised rightly by Airflow 3.3.2.
    return EventsTimetable([pendulum.DateTime.fromisoformat(restarted)], description="When it was asked for again")


def _whole(dag: DAG, plan: BuildPlan, nodes: tuple[Node, ...]) -> None:
    texts = group_texts(plan)
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
        executor=executor_of(node.kind),
        **specific(node),
    )


def executor_of(kind: Kind) -> str | None:
    """Name the executor that holds tasks of this kind; None for the one that starts processes, which can all do."""
    if kind is Kind.APPROVE or KOJI_EXECUTOR not in conf.get("core", "executor", fallback=""):
        return None
    return KOJI_EXECUTOR


def specific(node: Node) -> dict[str, Any]:
    """Give the arguments that only this kind of task takes."""
    if node.kind is Kind.BUILD_COMPONENT:
        return {"component": node.component, "arch": node.arch, "pool": KOJI_BUILDS}
    if node.kind is Kind.BUILD_MACROS:
        return {"pool": KOJI_BUILDS}
    if node.kind is Kind.REPO:
        # A component that is not built for an arch is skipped there, and that holds nothing up.
        return {"batch": node.gate_for, "trigger_rule": "none_failed"}
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


TAG_LENGTH = 100
"""Characters of a DAG's tag that Airflow keeps."""

TOOLTIP_LENGTH = 300
"""Characters of a source in the tooltip of a component."""


def summary(plan: BuildPlan) -> str:
    """Say in one line what is built."""
    batches = len({component.batch for component in plan.components})
    count = len(plan.components)
    what = f"{count} component{'' if count == 1 else 's'} in {batches} batch{'' if batches == 1 else 'es'}"
    kind = "Scratch build of" if plan.scratch else "Build of"
    return plain(f"{kind} {plan.nsvc}: {what} for {', '.join(plan.arches)}")


def tags(plan: BuildPlan) -> list[str]:
    """Give the tags by which one finds the DAG."""
    found = [plan.nsvc.name, f"stream:{plan.nsvc.stream}", f"owner:{plan.owner}"]
    if plan.scratch:
        found.append("scratch")
    return [quoted(tag, TAG_LENGTH) for tag in found]


def owner_link(owner: str, base_url: str) -> str:
    """Give the page that lists the owner's module builds; a mail address where the UI's own is not known."""
    if base_url.startswith("http"):
        return f"{base_url.rstrip('/')}/dags?tags={quote(f'owner:{owner}', safe='')}"
    return f"mailto:{quote(owner)}"


def page(plan: BuildPlan) -> str:
    """Give the page about the module build, in Markdown."""
    rows = [
        ("Module", plan.nsvc),
        ("Owner", plan.owner),
        ("Source", _source(plan)),
        ("Koji tag", plan.koji_tag),
        ("Build tag", plan.build_tag),
        ("Target", plan.target),
        ("Release suffix", f".{plan.dist}"),
        ("Arches", ", ".join(plan.arches)),
        ("Built against", ", ".join(f"{it.name}:{it.stream}" for it in plan.dependencies) or "nothing"),
        ("Rebuild strategy", plan.rebuild_strategy),
    ]
    table = "\n".join(f"| {name} | {code(str(value), in_cell=True)} |" for name, value in rows)
    return f"| | |\n|---|---|\n{table}\n"


@dataclass(frozen=True, slots=True)
class GroupText:
    """What the graph says about a task group."""

    label: str
    tooltip: str


def group_texts(plan: BuildPlan) -> dict[str, GroupText]:
    """Describe every task group, by the prefix of its task ids."""
    sizes = Counter(component.batch for component in plan.components)
    batches = {f"batch_{batch}": GroupText(f"batch {batch}", _batch_tooltip(sizes[batch])) for batch in sizes}
    components = {
        component_prefix(it.batch, it.name): GroupText(plain(it.name), _component_tooltip(it)) for it in plan.components
    }
    return _FIXED | batches | components


_FIXED = {
    "prepare": GroupText("prepare", "Tags, package lists, build groups, target and inheritance in Koji"),
    "macros": GroupText("macros", "module-build-macros: every RPM gets the module's release and label from it"),
    "publish": GroupText("publish", "The module build in Koji, ready for a compose"),
}


def _batch_tooltip(count: int) -> str:
    return f"{count} component{'' if count == 1 else 's'}; what comes after waits for a repository with them"


def _component_tooltip(component: PlannedComponent) -> str:
    parts = [quoted(component.source, TOOLTIP_LENGTH)]
    if component.after:
        parts.append(plain(f"after {', '.join(component.after)}"))
    if component.weight:
        parts.append(f"usually {component.weight:.0f} s")
    return ", ".join(parts)


def _source(plan: BuildPlan) -> str:
    if plan.scmurl is None:
        return "pasted modulemd"
    return f"{plan.scmurl} ({plan.branch})" if plan.branch else plan.scmurl
