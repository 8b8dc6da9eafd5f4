"""rpmbuild makes of the texts what Koji will: an SRPM, and from it a noarch RPM with the right header."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from mbs.model.nsvc import NSVC
from mbs.planning.macros import Conflicts, macro_file, spec
from mbs.steps.macros import SrpmFailed, build_srpm

MODULE = NSVC("testmodule", "f28-x", 2820240102030405, "9c690d0e")
DIST = "module+f28+2+814cfa39"
MACROS = macro_file(MODULE, DIST, "%with_tests 0")
SPEC = spec(MODULE, DIST, [Conflicts("perl", ("perl-libs-4:5.30.1-1.fc28",))])


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def srpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_srpm(tmp_path_factory.mktemp("srpm"), SPEC, MACROS)


@pytest.fixture(scope="module")
def rpm(srpm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    topdir = tmp_path_factory.mktemp("rebuild")
    run("rpmbuild", "--define", f"_topdir {topdir}", "--nodeps", "--rebuild", str(srpm))
    (made,) = topdir.glob("RPMS/**/*.rpm")
    return made


def test_the_srpm_is_named_for_the_module_build(srpm: Path) -> None:
    assert srpm.name == "module-build-macros-0.1-1.module+f28+2+814cfa39.src.rpm"


def test_the_rpm_is_noarch_and_labelled_with_the_module(rpm: Path) -> None:
    header = run("rpm", "-qp", "--qf", "%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{LICENSE} %{MODULARITYLABEL}", str(rpm))
    label = "testmodule:f28-x:2820240102030405:9c690d0e"
    assert header == f"module-build-macros 0.1 1.module+f28+2+814cfa39 noarch MIT {label}"


def test_the_rpm_conflicts_with_what_must_not_enter_the_buildroot(rpm: Path) -> None:
    assert run("rpm", "-qp", "--conflicts", str(rpm)).splitlines() == ["perl-libs = 4:5.30.1-1.fc28"]


def test_the_rpm_holds_the_macros_readable_for_all(rpm: Path, tmp_path: Path) -> None:
    files = run("rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEMODES:perms}]", str(rpm))
    assert files == "/etc/rpm/macros.zz-modules -rw-r--r--"
    archive = subprocess.run(["rpm2archive", "-n", "-"], input=rpm.read_bytes(), check=True, capture_output=True).stdout
    installed = tmp_path / "macros.zz-modules"
    with tarfile.open(fileobj=io.BytesIO(archive)) as payload:
        (member,) = (entry for entry in payload if entry.name.endswith("/etc/rpm/macros.zz-modules"))
        installed.write_bytes(payload.extractfile(member).read())  # type: ignore[union-attr]  # it is a regular file
    assert installed.read_text() == MACROS
    wanted = "%{dist} %{modularitylabel} %{_module_build} %{_module_name} %{_module_stream} %{with_tests}"
    evaluated = run("rpm", f"--load={installed}", "--eval", wanted)
    assert evaluated.strip() == (
        ".module+f28+2+814cfa39 testmodule:f28-x:2820240102030405:9c690d0e 1 testmodule f28-x 0"
    )


def test_the_same_texts_give_the_same_file_whatever_the_user_has_configured(
    srpm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".rpmmacros").write_text("%dist .mine\n%packager me\n%vendor mine\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    again = build_srpm(tmp_path / "again", SPEC, MACROS)
    assert again.read_bytes() == srpm.read_bytes()


def test_a_spec_that_rpmbuild_refuses_fails_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(SrpmFailed, match="Unknown tag: Nonsense"):
        build_srpm(tmp_path, "Nonsense: yes\n", MACROS)


def test_a_machine_without_rpmbuild_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SrpmFailed, match="rpmbuild is not on this machine; install the package rpm-build"):
        build_srpm(tmp_path, SPEC, MACROS)
