"""Ids that Airflow, a directory and people get along with."""

from __future__ import annotations

import re

import pytest

from mbs.model.nsvc import NSVC
from mbs.planning.ids import dag_id


def test_the_id_of_a_build_is_its_nsvc() -> None:
    assert dag_id(NSVC("perl-DBI", "5.32", 20261122160000, "c0ffee42")) == "perl-DBI.5.32.20261122160000.c0ffee42"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NSVC("perl", "5.32", 1, "c"), NSVC("perl.5", "32", 1, "c")),
        (NSVC("a", "1", 2, "3.4"), NSVC("a", "1.2", 3, "4")),
        (NSVC("gtk+", "1", 1, "c"), NSVC("gtk-", "1", 1, "c")),
        (NSVC("gtk+", "1", 1, "c"), NSVC("gtk~", "1", 1, "c")),
        (NSVC("a" * 128, "b" * 128, 1, "c"), NSVC("a" * 128, "b" * 128, 2, "c")),
    ],
)
def test_two_builds_never_share_an_id_or_a_file(one: NSVC, other: NSVC) -> None:
    assert dag_id(one) != dag_id(other)


@pytest.mark.parametrize("nsvc", [NSVC("a" * 128, "b" * 128, 2**64 - 1, "c" * 128), NSVC("..", "../..", 1, "/etc/x")])
def test_an_id_is_one_that_airflow_and_a_directory_take(nsvc: NSVC) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,230}", dag_id(nsvc))
