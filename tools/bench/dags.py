"""The DAG of large modules: how long Airflow takes to parse its file, and how large it is in the database."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from airflow.serialization.serialized_objects import DagSerialization

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedComponent, PlannedMacros, Publication, from_json, to_json
from mbs.planning.ids import component_task_id, dag_id
from operators.graph import module_build_dag
from tools.bench.figures import Figure, loop_seconds, seconds

ARCHES = ("aarch64", "ppc64le", "s390x", "x86_64")
SIZES = (10, 100, 400)
TASK_START = 0.1
"""Seconds that a worker may spend on the file of the largest module; importing Airflow takes it 20 times that."""


def run() -> list[Figure]:
    """Measure the file of modules of several sizes."""
    loop = loop_seconds()
    return [figure for size in SIZES for figure in _figures(size, loop)]


def _figures(size: int, loop: float) -> list[Figure]:
    plan = plan_of(size)
    what = f"{size} components x {len(ARCHES)} arches"
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "plan.json")
        file.write_text(to_json(plan))
        whole = seconds(lambda: module_build_dag(from_json(file.read_text())))
        one = _as_worker(plan, lambda: seconds(lambda: module_build_dag(from_json(file.read_text()))))
    stored = len(json.dumps(DagSerialization.to_dict(module_build_dag(plan))))
    return [
        Figure(f"DAG file of {what}, whole", whole, "s", whole / loop, "loop"),
        Figure(
            f"DAG file of {what}, for one task", one, "s", one / loop, "loop", f"< {TASK_START} s", one < TASK_START
        ),
        Figure(f"DAG of {what}, serialized", stored / 1e6, "MB"),
    ]


def _as_worker(plan: BuildPlan, work: Callable[[], float]) -> float:
    """Run as a worker does that starts one task of the last batch."""
    last = plan.components[-1]
    wanted = {
        "_AIRFLOW_PARSING_CONTEXT_DAG_ID": dag_id(plan.nsvc),
        "_AIRFLOW_PARSING_CONTEXT_TASK_ID": component_task_id(last.batch, last.name, ARCHES[0]),
    }
    os.environ.update(wanted)
    try:
        return work()
    finally:
        for name in wanted:
            del os.environ[name]


def plan_of(size: int) -> BuildPlan:
    """Make a plan of so many components in ten batches."""
    components = tuple(_component(number, 1 + number * 10 // size) for number in range(size))
    names = tuple(component.name for component in components)
    return BuildPlan(
        nsvc=NSVC("large", "1", 20261122000000, "c0ffee42"),
        build_id=1,
        owner="bench",
        scmurl=None,
        branch=None,
        scratch=False,
        rebuild_strategy="all",
        koji_tag="module-large",
        build_tag="module-large-build",
        target="module-large",
        dist="module+f40+1+c0ffee42",
        arches=ARCHES,
        tag_permission=None,
        tag_extra={},
        packages=names,
        blocked_packages=(),
        dependencies=(),
        groups=(),
        macros=PlannedMacros("%dist .module"),
        components=components,
        publication=Publication("1", "20261122000000.c0ffee42"),
        modulemd="document: modulemd\n",
    )


def _component(number: int, batch: int) -> PlannedComponent:
    name = f"component-{number}"
    source = f"https://src.example.org/rpms/{name}?#{'0' * 40}"
    return PlannedComponent(name=name, source=source, ref="0" * 40, batch=batch, arches=ARCHES, priority=300)


if __name__ == "__main__":
    for found in run():
        print("  ".join(found.cells()))
