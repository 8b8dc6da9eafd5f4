from __future__ import annotations

import pytest

from mbs.model.document import Modulemd
from mbs.model.naming import build_tag, dist, dist_marking, koji_build, koji_tag, target
from mbs.model.nsvc import NSVC
from mbs.model.registered import RegisteredModule

TESTMODULE = NSVC("testmodule", "master", 20170816080815, "37c6c57")
LONG = NSVC("testmodule", "this-is-a-stream-with-very-looooong-name" + "-blah" * 50, 20170816080815, "37c6c57")
LIVE = NSVC("testmodule", "master", 2820240102030405, "9c690d0e")


def registered(name: str, stream: str, marking: str = "") -> RegisteredModule:
    xmd = {"mbs": {"disttag_marking": marking} if marking else {}}
    return RegisteredModule(NSVC(name, stream, 1, "00000000"), Modulemd(name, stream, xmd=xmd))


def test_the_tag_is_named_after_the_nsvc() -> None:
    assert koji_tag(TESTMODULE) == "module-testmodule-master-20170816080815-37c6c57"
    assert build_tag(koji_tag(TESTMODULE)) == "module-testmodule-master-20170816080815-37c6c57-build"


def test_a_scratch_tag_carries_the_id() -> None:
    assert koji_tag(TESTMODULE, scratch_id=1000) == "scrmod-testmodule-master-20170816080815-37c6c57+1000"


def test_a_long_tag_is_hashed() -> None:
    assert koji_tag(LONG) == "module-1cf457d452e54dda"
    assert koji_tag(LONG, scratch_id=1000) == "scrmod-1cf457d452e54dda+1000"


def test_a_build_tag_of_exactly_256_characters_stays_readable() -> None:
    fixed = len(koji_tag(NSVC("m", "", 1, "c"))) + len("-build")
    assert len(build_tag(koji_tag(NSVC("m", "s" * (256 - fixed), 1, "c")))) == 256
    assert koji_tag(NSVC("m", "s" * (257 - fixed), 1, "c")).count("-") == 1


def test_a_target_has_at_most_fifty_characters() -> None:
    assert target(TESTMODULE) == "module-testmodule-master-20170816080815-37c6c57"
    assert target(LIVE) == "module-testmodule-master-2820240102030405-9c690d0e"
    assert target(LIVE, scratch_id=1).startswith("scrmod-1fb9afd0")


def test_the_dist_names_platform_index_and_hash() -> None:
    assert dist(LIVE, index=2, marking="f28") == "module+f28+2+1fb9afd0"
    assert dist(LIVE, index=2, marking=None) == "module+2+1fb9afd0"
    assert dist(LIVE, index=2, marking="f28", scratch=True) == "scrmod+f28+2+1fb9afd0"
    assert dist(LIVE, index=2, marking="f28", prefix="mod+") == "mod+f28+2+1fb9afd0"


@pytest.mark.parametrize(
    ("marking", "scratch", "expected"),
    [
        ("f28", False, "module+f28+2+814cfa39"),
        ("fedora28", False, "module+fedora28+2+814cfa39"),
        ("product12", False, "module+product12+2+814cfa39"),
        ("f28", True, "scrmod+f28+2+814cfa39"),
    ],
)
def test_the_dists_of_mbs_own_test_module_come_out(marking: str, scratch: bool, expected: str) -> None:
    module = NSVC("testmodule", "master", 20170109091357, "7c29193d")
    assert dist(module, index=2, marking=marking, scratch=scratch) == expected


def test_the_marking_is_of_a_privileged_module_then_of_the_base_module() -> None:
    plain = {"platform": registered("platform", "f28"), "build": registered("build", "b1")}
    assert dist_marking(plain, ["build"], ["platform"]) == "f28"
    marked = plain | {"platform": registered("platform", "f28", "fedora28")}
    assert dist_marking(marked, ["build"], ["platform"]) == "fedora28"
    privileged = marked | {"build": registered("build", "b1", "product12")}
    assert dist_marking(privileged, ["build"], ["platform"]) == "product12"
    assert dist_marking({}, ["build"], ["platform"]) is None


def test_the_koji_build_has_no_dash_in_its_version() -> None:
    nsvc = NSVC("perl", "rhel-8", 5, "c1")
    assert str(koji_build(nsvc)) == "perl-rhel_8-5.c1"
    assert str(koji_build(nsvc, devel=True)) == "perl-devel-rhel_8-5.c1"
