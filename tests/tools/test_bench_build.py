"""What the measurement of whole builds makes of Koji's tasks."""

from __future__ import annotations

import pytest

from tools.bench.build import BATCHES, Course, Result, Work, figures, module
from tools.bench.service import Spent

MACROS = (Work(0, 10),)
FIRST = (Work(16, 30), Work(18, 36))
SECOND = (Work(50, 60),)
COURSE = Course((MACROS, FIRST, SECOND), (Work(11, 15), Work(40, 45)))


def test_the_critical_path_is_the_longest_build_of_each_batch_and_the_repositories_between() -> None:
    assert COURSE.critical_path == 10 + 4 + 18 + 5 + 10


def test_the_gaps_are_those_between_kojis_tasks() -> None:
    assert COURSE.to_repository == [1, 4]
    assert COURSE.to_last_submission == [3, 5]


def test_what_is_spent_counts_from_a_moment_on() -> None:
    before = Spent({"devhub": 1.0}, {"build": 2}, 2, 10)
    after = Spent({"devhub": 1.5}, {"build": 5, "login": 1}, 4, 14)
    assert after.since(before) == Spent({"devhub": 0.5}, {"build": 3, "login": 1}, 2, 4)


def test_only_the_module_that_has_targets_is_held_to_them() -> None:
    spent = Spent({"scheduler": 20.0}, {"build": 500}, 300, 200)
    small, bound = (
        {figure.name.partition(": ")[2]: figure for figure in figures(Result(size, 2, 200, 70.0, COURSE, spent))}
        for size in (10, 100)
    )
    assert {figure.held for figure in small.values()} == {None}
    assert [name for name, figure in bound.items() if figure.held is False] == [
        "wall time",
        "the same with Koji at its real speed, computed",
        "repository to last submission",
        "HTTP requests to the hub per component",
    ]


@pytest.mark.parametrize("size", [10, 25, 100])
def test_the_module_has_its_components_in_batches_of_the_same_size(size: int) -> None:
    text = module("measured", [f"package-{number}" for number in range(size)])
    for batch in range(BATCHES):
        assert text.count(f"buildorder: {batch}}}") == size // BATCHES
