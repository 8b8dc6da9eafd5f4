from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from mbs.koji.session import Call, call
from mbs.koji.tags import Found, TagFacts, desired_links, missing
from mbs.model.errors import HubRefused
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan, PlannedGroup

OWN = {"perl": False}


@pytest.fixture
def plan(koji_plan: BuildPlan) -> BuildPlan:
    groups = (PlannedGroup("build", ("bash", "gcc")),)
    return structs.replace(
        koji_plan, packages=("perl",), blocked_packages=("perl", "tk"), groups=groups, tag_permission="admin"
    )


@pytest.fixture
def made(plan: BuildPlan) -> Found:
    """Everything as it should be."""
    tag = TagFacts(frozenset(plan.arches), "admin", locked=False, extra=plan.tag_extra, packages=OWN)
    return Found(
        us="mbs",
        owner="alice",
        tag=tag,
        build_tag=replace(tag, packages={"perl": True, "tk": True, MACROS: False}),
        groups={"build": frozenset({"bash", "gcc"})},
        target=(plan.build_tag, plan.koji_tag),
    )


def test_what_is_complete_needs_no_call(plan: BuildPlan, made: Found) -> None:
    assert missing(plan, made) == ()


def test_tags_are_created_before_anything_else_and_filled_at_once(plan: BuildPlan, made: Found) -> None:
    create = call("createTag", plan.build_tag, arches="aarch64 x86_64", extra=dict(plan.tag_extra), perm="admin")
    listed = (call("packageListAdd", plan.build_tag, package, "alice") for package in ("perl", MACROS))
    blocked = call("packageListBlock", plan.build_tag, "tk")
    assert missing(plan, replace(made, build_tag=None)) == (create, *listed, blocked)


def differing(plan: BuildPlan, made: Found) -> list[tuple[Found, Call]]:
    assert made.tag is not None
    assert made.build_tag is not None
    tag, build_tag = made.tag, made.build_tag
    return [
        (
            replace(made, tag=replace(tag, arches=frozenset({"i686"}))),
            call("editTag2", plan.koji_tag, arches="aarch64 x86_64"),
        ),
        (replace(made, tag=replace(tag, permission=None)), call("editTag2", plan.koji_tag, perm="admin")),
        (replace(made, tag=replace(tag, extra={})), call("editTag2", plan.koji_tag, extra=dict(plan.tag_extra))),
        (replace(made, tag=replace(tag, packages={})), call("packageListAdd", plan.koji_tag, "perl", "alice")),
        (
            replace(made, build_tag=replace(build_tag, packages={"perl": True, MACROS: False})),
            call("packageListBlock", plan.build_tag, "tk"),
        ),
        (
            replace(made, groups={"build": frozenset({"bash"})}),
            call("groupPackageListAdd", plan.build_tag, "build", "gcc"),
        ),
        (replace(made, target=None), call("createBuildTarget", plan.target, plan.build_tag, plan.koji_tag)),
    ]


@pytest.mark.parametrize("case", range(7))
def test_one_difference_needs_one_call(plan: BuildPlan, made: Found, case: int) -> None:
    found, step = differing(plan, made)[case]
    assert missing(plan, found) == (step,)


def test_a_group_is_made_before_it_is_filled(plan: BuildPlan, made: Found) -> None:
    assert [step.method for step in missing(plan, replace(made, groups={}))] == [
        "groupListAdd",
        "groupPackageListAdd",
        "groupPackageListAdd",
    ]


def test_a_package_whose_build_is_there_is_not_blocked_again(plan: BuildPlan, made: Found) -> None:
    assert made.build_tag is not None
    unblocked = replace(made.build_tag, packages={**made.build_tag.packages, "perl": False})
    assert missing(plan, replace(made, build_tag=unblocked, built=frozenset({"perl"}))) == ()
    assert missing(plan, replace(made, build_tag=unblocked)) == (call("packageListBlock", plan.build_tag, "perl"),)


def test_a_target_of_others_is_refused(plan: BuildPlan, made: Found) -> None:
    with pytest.raises(HubRefused, match="builds in theirs-build for theirs"):
        missing(plan, replace(made, target=("theirs-build", "theirs")))


def link(parent: int, priority: int, **fields: Any) -> dict[str, Any]:
    return {
        "parent_id": parent,
        "priority": priority,
        "maxdepth": None,
        "intransitive": False,
        "noconfig": False,
        "pkg_filter": "",
        **fields,
    }


def test_dependencies_are_inherited_in_the_plan_s_order() -> None:
    assert desired_links({7: 10, 5: 20}, []) == [link(7, 10), link(5, 20)]


def test_an_inheritance_that_is_right_is_left_alone() -> None:
    assert desired_links({7: 10, 5: 20}, [link(5, 20), link(7, 10)]) is None


def test_a_tag_that_someone_else_linked_stays_behind_ours() -> None:
    theirs = link(9, 10, intransitive=True)
    assert desired_links({7: 10, 5: 20}, [theirs]) == [link(7, 10), link(5, 20), link(9, 30, intransitive=True)]
