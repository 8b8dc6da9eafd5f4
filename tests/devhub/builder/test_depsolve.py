"""Which packages a build gets, and what it is told when it cannot have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devhub.builder.depsolve import Buildroot, Unresolvable, resolve
from tests.devhub.builder.conftest import WriteRepository, requirement


def chosen(buildroot: Buildroot) -> set[str]:
    return {Path(location).name.rsplit("-", 2)[0] for location in buildroot.locations}


def test_requirements_are_followed_to_the_end(repository: WriteRepository) -> None:
    repo = repository(app={"requires": ["lib >= 1"]}, lib={"requires": ["base"]}, base={}, other={})
    assert chosen(resolve(repo, "x86_64", [requirement("app")], ())) == {"app", "lib", "base"}


def test_capabilities_and_rich_expressions_count(repository: WriteRepository) -> None:
    repo = repository(lib={"provides": ["pkgconfig(lib) = 1.2"]}, first={}, second={})
    wanted = [requirement("pkgconfig(lib) >= 1.1"), requirement("(nosuch or second)")]
    assert chosen(resolve(repo, "x86_64", wanted, ())) == {"lib", "second"}


def test_everything_missing_is_named_at_once(repository: WriteRepository) -> None:
    repo = repository(lib={})
    wanted = [requirement("lib"), requirement("foo-devel"), requirement("lib >= 2")]
    with pytest.raises(Unresolvable) as problem:
        resolve(repo, "x86_64", wanted, ())
    assert problem.value.lines == (
        "No matching package to install: 'foo-devel'",
        "No matching package to install: 'lib >= 2'",
    )


def test_a_package_of_a_group_that_does_not_exist_is_skipped(repository: WriteRepository) -> None:
    repo = repository(app={"requires": ["lib"]}, lib={"provides": ["virtual"]})
    got = resolve(repo, "x86_64", [], ("bash",), ["app", "bash", "module-build-macros", "virtual"])
    assert (chosen(got), got.assumed) == ({"app", "lib"}, ("bash",))
    assert got.skipped == ("module-build-macros", "virtual")  # dnf knows the packages of a group by their names


def test_a_package_of_a_group_that_cannot_be_installed_is_an_error(repository: WriteRepository) -> None:
    with pytest.raises(Unresolvable, match=r"nothing provides nosuch needed by app-1-1\.noarch"):
        resolve(repository(app={"requires": ["nosuch"]}), "x86_64", [], (), ["app"])


def test_a_requirement_of_a_package_that_nothing_provides_is_explained(repository: WriteRepository) -> None:
    repo = repository(app={"requires": ["nosuch"]})
    with pytest.raises(Unresolvable, match=r"nothing provides nosuch needed by app-1-1\.noarch"):
        resolve(repo, "x86_64", [requirement("app")], ())


def test_the_platform_satisfies_what_its_globs_name(repository: WriteRepository) -> None:
    repo = repository(app={"requires": ["libc.so.6()(64bit)", "/usr/bin/sh"]})
    got = resolve(repo, "x86_64", [requirement("app"), requirement("gcc >= 12")], ("gcc*", "libc.so.*", "/usr/bin/*"))
    assert got.assumed == ("/usr/bin/sh", "gcc", "libc.so.6()(64bit)")
    assert chosen(got) == {"app"}


def test_a_package_of_the_repository_is_preferred_to_the_platform(repository: WriteRepository) -> None:
    got = resolve(repository(gcc={}), "x86_64", [requirement("gcc")], ("*",))
    assert (chosen(got), got.assumed) == ({"gcc"}, ())


def test_a_conflict_keeps_a_package_out_and_the_platform_steps_in(repository: WriteRepository) -> None:
    repo = repository(module_build_macros={"conflicts": ["lib = 0:1-1"]}, lib={})
    wanted = [requirement("module-build-macros"), requirement("lib")]
    with pytest.raises(Unresolvable, match="conflicts with lib"):
        resolve(repo, "x86_64", wanted, ())
    assert chosen(resolve(repo, "x86_64", wanted, ("lib",))) == {"module-build-macros"}


def test_the_newest_of_several_versions_is_taken(repository: WriteRepository) -> None:
    repo = repository(lib={"provides": ["what"]}, lib_next={"name": "lib", "version": "2"})
    got = resolve(repo, "x86_64", [requirement("lib")], ())
    assert got.nevras == ("lib-2-1.noarch",)


def test_an_empty_repository_is_enough_for_a_build_that_needs_nothing(repository: WriteRepository) -> None:
    assert resolve(repository(), "x86_64", [], ()) == Buildroot((), (), ())
