"""The texts of module-build-macros, and that nothing from a document breaks out of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import Unprocessable
from mbs.model.nsvc import NSVC
from mbs.planning.macros import Conflicts, conflicts, macro_file, packagers_macros, spec

MODULE = NSVC("testmodule", "f28-x", 2820240102030405, "9c690d0e")
DIST = "module+f28+2+814cfa39"


def test_the_macro_file_names_the_module_and_ends_with_the_packagers_macros() -> None:
    assert macro_file(MODULE, DIST, "%with_tests 0\n\n%x %{y}\n") == (
        "%dist .module+f28+2+814cfa39\n"
        "%modularitylabel testmodule:f28-x:2820240102030405:9c690d0e\n"
        "%_module_build 1\n"
        "%_module_name testmodule\n"
        "%_module_stream f28-x\n"
        "%_module_version 2820240102030405\n"
        "%_module_context 9c690d0e\n"
        "\n"
        "%with_tests 0\n"
        "\n"
        "%x %{y}\n"
    )


def test_without_macros_of_the_packager_nothing_follows() -> None:
    assert macro_file(MODULE, DIST, None) == macro_file(MODULE, DIST, " \n")
    assert macro_file(MODULE, DIST, None).endswith("%_module_context 9c690d0e\n")


def test_the_changelog_is_dated_with_the_module() -> None:
    assert "\n* Tue Jan 02 2024 Module Build Service " in spec(MODULE, DIST, ())
    assert "\n* Sat Jan 01 2000 Module Build Service " in spec(NSVC("a", "1", 5, "c0ffee00"), DIST, ())


def test_conflicts_stand_in_their_order_under_their_reason() -> None:
    text = spec(MODULE, DIST, (Conflicts("perl", ("perl-libs-4:5.30.1-1.fc28", "a-0:1-2")), Conflicts("gtk", ())))
    assert "\n# perl\nConflicts: perl-libs = 4:5.30.1-1.fc28\nConflicts: a = 0:1-2\n" in text
    assert "gtk" not in text


@pytest.mark.parametrize(
    "hostile", ["%(id)", "%{lua:os.execute('id')}", "x\n%post\nid", "x y", "x\\", "$(id)", "`id`", "", "x\x00", "ü"]
)
def test_values_that_rpm_would_read_as_more_are_refused(hostile: str) -> None:
    module = NSVC("testmodule", hostile, 1, "9c690d0e")
    attempts: list[Callable[[], str]] = [
        lambda: macro_file(module, DIST, None),
        lambda: spec(module, DIST, ()),
        lambda: spec(MODULE, hostile, ()),
        lambda: spec(MODULE, DIST, [Conflicts(hostile or "%", ("a-0:1-2",))]),
        lambda: spec(MODULE, DIST, [Conflicts("perl", (f"a-0:1-{hostile}",))]),
    ]
    for attempt in attempts:
        with pytest.raises(Unprocessable, match=r"cannot stand in an RPM macro|is not an RPM as"):
            attempt()


@given(st.text())
def test_no_stream_adds_a_line(stream: str) -> None:
    module = NSVC("testmodule", stream, 1, "9c690d0e")
    try:
        text = spec(module, DIST, ())
    except Unprocessable:
        return
    assert text.count("\n") == spec(MODULE, DIST, ()).count("\n")
    assert "%(" not in text


def test_conflicts_come_by_build_dependency_and_then_those_of_the_base_modules() -> None:
    filtered = {"perl": [], "gtk": ["gtk3-0:3-1.x"], "platform": ["glibc-0:2-1"], "python": ["python-0:3-1"]}
    assert conflicts(filtered, ["bar-0:1-1"], module="m") == (
        Conflicts("xmd.mbs.buildrequires.gtk.filtered_rpms", ("gtk3-0:3-1.x",)),
        Conflicts("xmd.mbs.buildrequires.platform.filtered_rpms", ("glibc-0:2-1",)),
        Conflicts("xmd.mbs.buildrequires.python.filtered_rpms", ("python-0:3-1",)),
        Conflicts("xmd.mbs.ursine_rpms", ("bar-0:1-1",)),
    )


def test_nothing_conflicts_where_nothing_is_filtered() -> None:
    assert conflicts({"platform": []}, [], module="m") == conflicts({}, (), module="m") == ()


def test_a_module_built_against_itself_keeps_what_it_reuses() -> None:
    filtered = {"perl": ["a-1:1-1.x", "b-0:1-1.x"]}
    found = conflicts(filtered, (), module="perl", reused={"a-1-1.x"})
    assert found == (Conflicts("xmd.mbs.buildrequires.perl.filtered_rpms", ("b-0:1-1.x",)),)
    assert len(conflicts(filtered, (), module="other", reused={"a-1-1.x"})[0].rpms) == 2


@given(st.text("%a \n"))
def test_the_packagers_macros_are_found_again_in_the_macro_file(macros: str) -> None:
    found = packagers_macros(macro_file(MODULE, DIST, macros))
    assert found == (f"{macros.rstrip()}\n" if macros.strip() else "")
    assert packagers_macros(macro_file(MODULE, DIST, None)) == ""
