"""Ids of a module build's tasks and task groups, and what cannot have any. They are an API; Airflow has 250 characters.

Components with different names have different ids, in capitals and small letters as written. An ordinary name stands in
an id as it is. Signs that an id cannot have are escaped by `_` and two hexadecimal digits, and so is an `_` that could
be taken for such an escape: `a+` is `a_2b`, so `a_2b` is `a_5f2b`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from mbs.errors import Problem
from mbs.plan import PlannedComponent
from mbs.quoting import quoted

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
