"""Which arches a package is built for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import koji
import pytest

from devhub.builder.arches import build_arches, task_arch
from devhub.builder.package import Package

TAG = ["x86_64", "aarch64"]
NOTHING: dict[str, Any] = dict.fromkeys(("requires", "conflicts", "exclusive_arches", "exclude_arches"), ())
PLAIN = Package("any", "1", "1", None, "src", build_arches=(), modularity_label=None, **NOTHING)


def package(**facts: Any) -> Package:
    return replace(PLAIN, **facts)


@pytest.mark.parametrize(
    ("facts", "labels"),
    [
        ({}, ["x86_64", "aarch64"]),
        ({"build_arches": ("noarch",)}, ["noarch"]),
        ({"exclusive_arches": ("x86_64", "s390x")}, ["x86_64"]),
        ({"exclude_arches": ("x86_64",)}, ["aarch64"]),
        ({"build_arches": ("noarch",), "exclusive_arches": ("x86_64", "noarch")}, ["noarch"]),
        ({"exclusive_arches": ("x86_64", "noarch")}, ["x86_64", "noarch"]),
    ],
)
def test_the_spec_narrows_the_arches_of_the_tag(facts: dict[str, Any], labels: list[str]) -> None:
    assert build_arches(package(**facts), TAG) == labels


@pytest.mark.parametrize("facts", [{"exclusive_arches": ("s390x",)}, {"exclude_arches": ("x86_64", "aarch64")}])
def test_no_arch_left_is_an_error(facts: dict[str, Any]) -> None:
    with pytest.raises(koji.BuildError, match="No matching arches were found"):
        build_arches(package(**facts), TAG)


def test_an_override_stays_within_the_tag_and_holds_for_noarch_packages_too() -> None:
    assert build_arches(package(), TAG, "aarch64 s390x") == ["aarch64"]
    assert build_arches(package(build_arches=("noarch",)), TAG, "aarch64") == ["aarch64"]
    with pytest.raises(koji.BuildError):
        build_arches(package(), TAG, "s390x")


def test_labels_are_spelled_as_the_tag_spells_its_arches_and_built_by_their_canonical_arch() -> None:
    old = ["i686", "armv7hl"]
    assert build_arches(package(exclusive_arches=("i686", "armv7hl", "x86_64")), old) == old
    assert [task_arch(package(), label, old) for label in old] == ["i386", "armhfp"]
    assert task_arch(package(exclude_arches=("i686",)), "noarch", old) == "armhfp"


def test_a_noarch_package_may_be_built_where_its_arches_are() -> None:
    assert task_arch(package(build_arches=("noarch",)), "noarch", TAG) == "noarch"
    assert task_arch(package(exclude_arches=("x86_64",)), "noarch", TAG) == "aarch64"
    assert task_arch(package(exclusive_arches=("aarch64", "noarch")), "noarch", TAG) == "aarch64"
    for nowhere in ("s390x", "noarch"):
        with pytest.raises(koji.BuildError, match="No valid arches were found"):
            task_arch(package(exclusive_arches=(nowhere,)), "noarch", TAG)


def test_other_labels_are_their_own_arch() -> None:
    assert task_arch(package(), "x86_64", TAG) == "x86_64"
