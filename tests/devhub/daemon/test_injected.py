"""Which attempts are made to go wrong, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devhub import faults
from devhub.daemon.injected import NAME, Injected, take

if TYPE_CHECKING:
    from tests.devhub.daemon.conftest import Hub


def attempt(hub: Hub, package: str = "greet", arch: str = "x86_64", stage: str = "build") -> Injected:
    with hub.database.transaction() as connection:
        return take(connection, package, arch, stage)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"kind": "fail", "package": "gre*", "arch": "x86_64"}, Injected(fail=True)),
        ({"kind": "fail", "stage": "root"}, Injected(fail_root=True)),
        ({"kind": "fail", "stage": "srpm"}, Injected()),
        ({"kind": "fail", "arch": "aarch64"}, Injected()),
        ({"kind": "slow", "seconds": 2.5}, Injected(slow=2.5)),
        ({"kind": "lose"}, Injected(lose=True)),
    ],
)
def test_a_rule_hits_what_it_names(hub: Hub, rule: dict[str, Any], expected: Injected) -> None:
    hub.inject(**rule)
    assert attempt(hub) == expected


def test_a_limited_rule_is_used_up_and_an_unlimited_one_stays(hub: Hub) -> None:
    hub.inject(kind="fail", times=2)
    hub.inject(kind="slow", seconds=1)
    assert [attempt(hub).fail for _ in range(3)] == [True, True, False]
    assert faults.get(hub.reader, NAME) == [{"kind": "slow", "seconds": 1}]


def test_a_builder_is_lost_once_unless_told_otherwise(hub: Hub) -> None:
    hub.inject(kind="lose")
    assert [attempt(hub).lose for _ in range(2)] == [True, False]


def test_a_rule_without_sense_is_passed_over(hub: Hub) -> None:
    for rule in ({"kind": "explode"}, {}, {"kind": "fail", "package": 7}, {"kind": "slow", "seconds": "long"}):
        hub.inject(**rule)
    assert attempt(hub) == Injected()
