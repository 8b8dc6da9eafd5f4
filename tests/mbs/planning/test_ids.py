"""Ids of tasks: as they always were for ordinary names, and never the same for two components."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.plan import PlannedComponent
from mbs.planning.ids import (
    batch_gate_id,
    component_gate_id,
    component_prefix,
    component_task_id,
    group_id,
    unbuildable,
)

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}", fullmatch=True)


def group_of(name: str, batch: int = 1) -> str:
    return group_id(component_prefix(batch, name))


@pytest.mark.parametrize(
    ("name", "task", "group"),
    [
        ("perl-DBI", "batch_1.perl-DBI.x86_64", "batch_1__perl-DBI"),
        ("mod_ssl", "batch_1.mod_ssl.x86_64", "batch_1__mod_ssl"),
        ("java-1.8.0-openjdk", "batch_1.java-1.8.0-openjdk.x86_64", "batch_1__java-1_8_0-openjdk"),
        ("python3.11", "batch_1.python3.11.x86_64", "batch_1__python3_11"),
        ("libsigc++20", "batch_1.libsigc_2b_2b20.x86_64", "batch_1__libsigc_2b_2b20"),
    ],
)
def test_the_ids_of_ordinary_names_stay_as_they_are(name: str, task: str, group: str) -> None:
    assert (component_task_id(1, name, "x86_64"), group_of(name)) == (task, group)


def test_different_names_have_different_ids() -> None:
    names = {
        "".join(letters)
        for length in range(1, 6)
        for letters in itertools.product("1259bef+._", repeat=length)
        if letters[0] not in ".+"
    }
    assert len({component_prefix(1, name) for name in names}) == len(names)
    assert len({group_of(name) for name in names}) == len(names)


@given(st.lists(NAMES, unique=True, min_size=2, max_size=20))
def test_any_names_have_ids_that_airflow_takes_and_that_differ(names: list[str]) -> None:
    batches = (1, 10, 1000)
    tasks = [component_task_id(batch, name, arch) for batch in batches for name in names for arch in ("x86_64", "i686")]
    gates = [component_gate_id(batch, name) for batch in batches for name in names]
    ids = tasks + gates + [batch_gate_id(batch) for batch in batches]
    groups = [group_of(name, batch) for batch in batches for name in names] + [f"batch_{batch}" for batch in batches]
    assert len({*ids, *groups}) == len(ids) + len(groups)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", one) for one in ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,200}", one) for one in groups)


@pytest.mark.parametrize("arch", ["repo", "x86 64", "x/y", "a.b", ""])
def test_an_arch_that_is_no_word_cannot_be_part_of_an_id(arch: str) -> None:
    sound = PlannedComponent("a", "cli-build/1/a.src.rpm", None, 1, arches=("x86_64",))
    wrong = PlannedComponent("b", "cli-build/1/b.src.rpm", None, 1, arches=(arch,))
    assert list(unbuildable([sound])) == []
    assert [str(problem) for problem in unbuildable([sound, wrong])] == [f'"{arch}" is not the name of an arch']
