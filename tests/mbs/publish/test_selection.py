"""The table of rules by which an RPM belongs to a module's document on one arch (§16.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mbs.model.document import BuildOpts, Modulemd, RpmComponent
from mbs.publish.rpms import RpmFact
from mbs.publish.selection import document_arch, exclusive_arches, multilib_arches, select, unmade

MODULE = Modulemd(name="tools", stream="1", rpms=(RpmComponent("foo"), RpmComponent("bar", multilib=("x86_64",))))


def rpm(name: str, arch: str = "x86_64", source: str = "foo", **more: object) -> RpmFact:
    fact = RpmFact(name, "1", "1", arch, source, f"{source}-0:1-1.src", license="MIT")
    return replace(fact, **more)  # type: ignore[arg-type]  # keyword facts of a test


def source(name: str) -> RpmFact:
    return rpm(name, "src", name)


def names(rpms: tuple[RpmFact, ...]) -> set[str]:
    return {f"{fact.name}.{fact.arch}" for fact in rpms}


def chosen(*rpms: RpmFact, document: Modulemd = MODULE, arch: str = "x86_64") -> tuple[set[str], set[str]]:
    main, devel = select(document, rpms, arch)
    return names(main.rpms), names(devel.rpms)


@pytest.mark.parametrize(
    ("facts", "arch", "expected"),
    [
        ({"name": "foo"}, "x86_64", True),
        ({"name": "foo", "arch": "noarch"}, "x86_64", True),
        ({"name": "foo", "arch": "aarch64"}, "x86_64", False),
        ({"name": "foo", "arch": "i686"}, "x86_64", False),
        ({"name": "bar-libs", "arch": "i686", "source": "bar"}, "x86_64", True),
        ({"name": "bar-libs", "arch": "i686", "source": "bar"}, "aarch64", False),
        ({"name": "bar-libs", "arch": "i686", "source": "bar"}, "i686", True),
        ({"name": "other", "source": "other"}, "x86_64", False),
        ({"name": "foo", "arch": "noarch", "exclusivearch": ("aarch64",)}, "x86_64", False),
        ({"name": "foo", "arch": "noarch", "exclusivearch": ("aarch64", "noarch")}, "x86_64", True),
        ({"name": "foo", "arch": "noarch", "exclusivearch": ("x86_64",)}, "x86_64", True),
        ({"name": "foo", "arch": "noarch", "excludearch": ("x86_64",)}, "x86_64", False),
        ({"name": "foo", "arch": "noarch", "excludearch": ("i686",)}, "x86_64", True),
        ({"name": "foo", "arch": "s390"}, "s390x", False),
    ],
)
def test_an_rpm_is_chosen_by_its_arch_and_its_source(facts: dict[str, object], arch: str, expected: bool) -> None:
    main, _ = chosen(rpm(**facts), document=MODULE, arch=arch)  # type: ignore[arg-type]  # keyword facts
    assert bool(main) is expected


def test_what_is_filtered_goes_to_the_devel_twin() -> None:
    document = replace(MODULE, rpm_filter=("foo-devel",))
    main, devel = chosen(rpm("foo"), rpm("foo-devel"), source("foo"), document=document)
    assert main == {"foo.x86_64", "foo.src"}
    assert devel == {"foo-devel.x86_64"}


def test_a_source_without_any_chosen_binary_goes_to_the_devel_twin() -> None:
    document = replace(MODULE, rpm_filter=("bar",))
    main, devel = chosen(rpm("foo"), rpm("bar", source="bar"), source("foo"), source("bar"), document=document)
    assert main == {"foo.x86_64", "foo.src"}
    assert devel == {"bar.x86_64", "bar.src"}


def test_two_sources_with_a_binary_of_the_same_name_keep_theirs() -> None:
    same = (rpm("doc", "noarch"), rpm("doc", "noarch", "bar", release="2"))
    main, devel = chosen(*same, source("foo"), source("bar"))
    assert main == {"doc.noarch", "foo.src", "bar.src"}
    assert devel == set()


def test_debug_packages_follow_the_package_that_they_debug() -> None:
    document = replace(MODULE, rpm_filter=("foo-tools",))
    main, devel = chosen(
        rpm("foo"), rpm("foo-debuginfo"), rpm("foo-tools"), rpm("foo-tools-debuginfo"), document=document
    )
    assert main == {"foo.x86_64", "foo-debuginfo.x86_64"}
    assert devel == {"foo-tools.x86_64", "foo-tools-debuginfo.x86_64"}


def test_a_debugsource_without_package_follows_its_source() -> None:
    assert chosen(rpm("foo-libs"), rpm("foo-debugsource"))[0] == {"foo-libs.x86_64", "foo-debugsource.x86_64"}
    alone = replace(MODULE, rpm_filter=("foo-libs",))
    assert chosen(rpm("foo-libs"), rpm("foo-debugsource"), document=alone)[0] == set()


def test_a_debug_package_can_be_filtered_by_its_name() -> None:
    document = replace(MODULE, rpm_filter=("foo-debuginfo",))
    assert chosen(rpm("foo"), rpm("foo-debuginfo"), document=document)[0] == {"foo.x86_64"}


def test_the_whitelist_replaces_component_names_and_has_no_multilib() -> None:
    document = replace(MODULE, buildopts=BuildOpts(rpm_whitelist=("scl-bar",)))
    main, _ = chosen(
        rpm("scl-bar", source="scl-bar"),
        rpm("scl-bar", "i686", source="scl-bar"),
        rpm("foo"),
        document=document,
    )
    assert main == {"scl-bar.x86_64"}


def test_licenses_are_those_of_the_chosen_binaries() -> None:
    document = replace(MODULE, rpm_filter=("foo-devel",))
    rpms = (rpm("foo", license="GPL"), rpm("foo-devel", license="BSD"), rpm("foo", "src", license="Zlib"))
    main, devel = select(document, rpms, "x86_64")
    assert main.licenses == ("GPL",)
    assert devel.licenses == ("BSD",)


def test_rpms_that_the_document_names_and_no_component_made_are_told_with_their_list() -> None:
    document = replace(
        MODULE,
        rpm_api=("foo", "fooo"),
        rpm_filter=("foo-doc", "foo-devel"),
        profiles={"default": ("foo", "baz"), "minimal": ("foo",), "buildroot": ("gcc",), "srpm-buildroot": ("make",)},
    )
    made = (rpm("foo"), rpm("foo-devel", "aarch64"), rpm("fooo", "src"))
    assert unmade(document, made) == {
        "data.api.rpms": ("fooo",),
        "data.filter.rpms": ("foo-doc",),
        "data.profiles.default.rpms": ("baz",),
    }


def test_arches_are_those_of_compose_trees() -> None:
    assert multilib_arches("x86_64") == {"athlon", "i686", "i586", "i486", "i386"}
    assert multilib_arches("aarch64") == frozenset()
    assert multilib_arches("ppc64") == {"ppc"}
    documents = {"i386": "i686", "ppc64": "ppc64", "armhfp": "armv7hnl", "armv7hl": "armv7hl", "x86_64": "x86_64"}
    assert {arch: document_arch(arch) for arch in documents} == documents


@pytest.mark.parametrize(
    ("arch", "named"),
    [
        ("ppc64", {"ppc64"}),
        ("i386", {"i686", "i586", "i486", "i386"}),
        ("i686", {"i686", "i586", "i486", "i386"}),
        ("armv7hl", {"armv7hnl", "armv7hl", "armv6hl"}),
        ("armhfp", {"armv7hnl", "armv7hl", "armv6hl"}),
        ("x86_64", {"x86_64"}),
    ],
)
def test_a_package_bound_to_any_arch_of_a_tree_is_in_it(arch: str, named: set[str]) -> None:
    assert exclusive_arches(arch) == named | {"noarch"}
