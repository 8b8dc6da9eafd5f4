"""Finds what a task of a DAG is, in the registry: the plan of its module build, and its node of the graph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from mbs.model.errors import MbsError
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.planning.graph import Node, graph
from mbs.planning.ids import dag_id
from mbs.registry import Registry
from mbs.registry.rows import BuildFilter, Page

KEPT = 256
"""Plans that are kept; one of 400 components takes a megabyte."""

_VERSION = re.compile(r"(?<![0-9])[0-9]{1,19}(?![0-9])")
"""A stream or a context may be digits, too; there are few module builds with any one of such numbers."""


class UnknownTask(MbsError):
    """No module build has such a task."""


class Plans:
    """Plans of the registry, by the ids of their DAGs; they never change once they are recorded."""

    def __init__(self, registry: Registry) -> None:
        """Take the registry."""
        self._registry = registry
        self._of = lru_cache(KEPT)(self._read)

    def task(self, dag: str, task_id: str) -> tuple[BuildPlan, Node]:
        """Give the plan behind a DAG, and what this task is in it. Raises UnknownTask, RegistryUnavailable."""
        plan, nodes = self._of(dag)
        try:
            return plan, nodes[task_id]
        except KeyError:
            msg = f"The plan of module build {plan.nsvc} has no task {task_id}."
            raise UnknownTask(msg) from None

    def _read(self, dag: str) -> tuple[BuildPlan, Mapping[str, Node]]:
        for build_id, nsvc in self._candidates(dag):
            if dag_id(nsvc) == dag:
                plan = self._registry.documents.plan(build_id)
                return plan, {node.task_id: node for node in graph(plan)}
        msg = f"The registry has no module build for the DAG {dag}."
        raise UnknownTask(msg)

    def _candidates(self, dag: str) -> Iterator[tuple[int, NSVC]]:
        """Give module builds that may be behind a DAG: those of its version, and then, where an id was cut, more."""
        builds = self._registry.builds
        for version in sorted({int(found) for found in _VERSION.findall(dag)}, reverse=True):
            for row in builds.find(BuildFilter(version=version), Page(size=1000)).items:
                yield row.id, row.nsvc
        for entry in builds.unfinished():
            yield entry.build_id, entry.nsvc
