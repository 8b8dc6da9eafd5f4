"""DAG and task ids, and what cannot have any. They are an API: scripts, links and people's notes contain them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from mbs.model.errors import Problem
from mbs.model.nsvc import NSVC
from mbs.model.plan import PlannedComponent
from mbs.model.quoting import quoted

LONGEST_NAME = 150
"""Characters of a component's part in an id; a group's id may have 200."""
GATE = "repo"
"""Where the arch stands in the id of a component's task, in the id of the gate behind it."""

_CODE = "2b|2e|5f"
_IN_TASK = re.compile(rf"[^A-Za-z0-9_.-]|_(?={_CODE})")
_IN_GROUP = re.compile(rf"(?P<version>(?<=[0-9])\.(?=[0-9])(?!{_CODE}))|\.|(?<=[0-9])_(?=[0-9])(?!{_CODE})")
_ARCH = re.compile(r"[A-Za-z0-9_]{1,32}")


def component_prefix(batch: int, component: str) -> str:
    """Give what the ids of a component's tasks start with."""
    return f"batch_{batch}.{_bounded(_IN_TASK.sub(_escaped, component))}"


def component_task_id(batch: int, component: str, arch: str) -> str:
    """Give the id of the task that builds `component` for `arch`."""
    return f"{component_prefix(batch, component)}.{arch}"


def component_gate_id(batch: int, component: str) -> str:
    """Give the id of the gate behind one component, for those ordered by `buildafter`."""
    return f"{component_prefix(batch, component)}.{GATE}"


def batch_gate_id(batch: int) -> str:
    """Give the id of the gate behind a batch."""
    return f"batch_{batch}.{GATE}"


def group_id(prefix: str) -> str:
    """Give the id of the group of the tasks with this prefix; it may hold no dot.

    The dot of a version becomes `_` (`java-1.8.0`), any other an escape, as does an `_` that looks like a version's.
    """
    batch, dot, component = prefix.partition(".")
    return f"{batch}__{_bounded(_IN_GROUP.sub(_dotless, component))}" if dot else batch


def unbuildable(components: Iterable[PlannedComponent]) -> Iterator[Problem]:
    """Find what keeps components from becoming tasks: arches that are no words; names were judged before."""
    for arch in sorted({arch for component in components for arch in component.arches}):
        if arch == GATE or not _ARCH.fullmatch(arch):
            yield Problem(f'"{quoted(arch)}" is not the name of an arch', "data.buildopts.arches")


def _escaped(found: re.Match[str]) -> str:
    return f"_{ord(found[0]):02x}"


def _dotless(found: re.Match[str]) -> str:
    return "_" if found["version"] else _escaped(found)


def _bounded(text: str) -> str:
    """Cut what is too long and add a hash, behind a mark that no other text has."""
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[: LONGEST_NAME - 20]}_5f-{sha256(text.encode()).hexdigest()[:16]}"


__all__ = ["batch_gate_id", "component_gate_id", "component_prefix", "component_task_id", "dag_id", "group_id"]

RECORD_FAILURE = "record_failure"
CREATE_TAG = "prepare.create_tag"
LINK_DEPENDENCIES = "prepare.link_dependencies"
REUSE_COMPONENTS = "prepare.reuse_components"
MACROS_BUILD = "macros.build.noarch"
MACROS_REPO = "macros.repo"
FINAL_MODULEMD = "publish.final_modulemd"
IMPORT_BUILD = "publish.import_build"
APPROVE = "publish.approve"
MARK_READY = "publish.mark_ready"

LONGEST = 200
"""Characters of a DAG id before its hash; Airflow takes 250, a file name a few more."""

FORMS = frozenset({"submit_module", "import_module"})
"""The DAGs that answer a form."""
NOTE = "mbs_note"
"""XCom key under which a task leaves what the run's note shall say when the run has ended."""


def dag_id(nsvc: NSVC) -> str:
    """Give the id of a module build's DAG: `name.stream.version.context`.

    Two builds never have the same. Where that is in danger (a dot in the name or the context, `+~^`, which Airflow does
    not take and `-` stands for, or a text that is too long) a hash follows, which no other id has in that place.
    """
    parts = f"{nsvc.name}.{nsvc.stream}.{nsvc.version}.{nsvc.context}"
    plain = _safe(parts, "-")
    if plain == parts and "." not in nsvc.name + nsvc.context and len(plain) <= LONGEST:
        return plain
    return f"{plain[:LONGEST]}.-{sha256(str(nsvc).encode()).hexdigest()[:16]}"


def _safe(text: str, substitute: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", substitute, text)
