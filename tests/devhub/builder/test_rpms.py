"""RPM files: written without rpmbuild, read back, unpacked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import koji
import pytest

from devhub import rpmfile
from devhub.builder.package import Requirement, read_package, read_source_package
from devhub.builder.payload import unpack
from devhub.builder.root import environment, lay_out, macro_path
from devhub.builder.rpmwriter import write_rpm
from tests.devhub.builder.conftest import new_rpm

LINKS = """\
%install
mkdir -p %{buildroot}/usr/lib64/pkgconfig %{buildroot}/usr/bin %{buildroot}/etc/rpm
echo hello > %{buildroot}/usr/lib64/libx.so.1
ln %{buildroot}/usr/lib64/libx.so.1 %{buildroot}/usr/lib64/hard
ln -s libx.so.1 %{buildroot}/usr/lib64/libx.so
ln -s /usr/lib64/libx.so.1 %{buildroot}/usr/bin/absolute
printf 'prefix=/usr\\nlibdir=/usr/lib64\\nother=/usrlocal\\n' > %{buildroot}/usr/lib64/pkgconfig/x.pc
echo '%%x_macro 1' > %{buildroot}/etc/rpm/macros.x
%files
/usr/lib64/*
/usr/bin/absolute
/etc/rpm/macros.x
"""


@pytest.fixture(scope="module", params=["w6.gzdio", "w6.xzdio", "w3.zstdio"])
def real_rpm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("rpm")
    head = "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\n.\n"
    quiet = "%global __os_install_post %{nil}\n"
    (top / "x.spec").write_text(quiet + head + LINKS)
    defines = [f"_topdir {top}", f"_binary_payload {request.param}"]
    options = [word for value in defines for word in ("--define", value)]
    subprocess.run(["rpmbuild", "-bb", "--nodeps", *options, str(top / "x.spec")], check=True, capture_output=True)
    return next((top / "RPMS").rglob("*.rpm"))


def test_files_and_links_are_unpacked_whatever_the_compression(real_rpm: Path, tmp_path: Path) -> None:
    unpack(real_rpm, tmp_path)
    for path in ("usr/lib64/libx.so.1", "usr/lib64/hard", "usr/lib64/libx.so", "usr/bin/absolute"):
        assert (tmp_path / path).read_text() == "hello\n"


def test_unpacking_again_changes_nothing(real_rpm: Path, tmp_path: Path) -> None:
    assert unpack(real_rpm, tmp_path) == unpack(real_rpm, tmp_path)


def test_a_path_through_a_link_out_of_the_root_is_refused(real_rpm: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    (root / "usr" / "lib64").symlink_to(tmp_path)
    with pytest.raises(koji.BuildError, match="leaves its root"):
        unpack(real_rpm, root)
    assert not (tmp_path / "libx.so.1").exists()


def test_pkg_config_files_speak_of_the_root_they_lie_in(real_rpm: Path, tmp_path: Path) -> None:
    lay_out(tmp_path, [real_rpm])
    lines = (tmp_path / "usr/lib64/pkgconfig/x.pc").read_text().splitlines()
    assert lines == ["prefix=${pcfiledir}/../..", "libdir=${pcfiledir}/../../lib64", "other=/usrlocal"]


def test_macro_files_of_the_root_come_last_and_sorted(tmp_path: Path) -> None:
    for name in ("etc/rpm/macros.zz-modules", "etc/rpm/macros.dist", "usr/lib/rpm/macros.d/macros.zz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    entries = macro_path(tmp_path).split(":")
    assert [Path(entry).name for entry in entries[-3:]] == ["macros.zz", "macros.dist", "macros.zz-modules"]
    assert not any(entry.startswith(("/etc", "~")) for entry in entries)


def test_the_environment_knows_nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    values = environment(tmp_path / "root", tmp_path)
    assert "SECRET_TOKEN" not in values
    assert values["CPATH"] == str(tmp_path / "root/usr/include")
    assert values["HOME"] == str(tmp_path)


def test_rpm_itself_takes_a_written_file_as_a_package(tmp_path: Path) -> None:
    rpm = new_rpm("foo", epoch=2, arch="aarch64", requires=["bar >= 1"], modularity_label="a:1:2:c")
    path = write_rpm(rpm, tmp_path)
    checked = subprocess.run(["rpm", "-Kv", str(path)], check=True, capture_output=True, text=True).stdout
    assert checked.count(": OK") == 3
    query = "%{NEVRA} %{MODULARITYLABEL} %{SOURCERPM} [%{REQUIRENEVRS}]"
    shown = subprocess.run(["rpm", "-qp", "--qf", query, str(path)], check=True, capture_output=True, text=True).stdout
    assert shown == "foo-2:1-1.aarch64 a:1:2:c foo-1-1.src.rpm bar >= 1"


def test_a_written_file_reads_back_as_what_was_written(tmp_path: Path) -> None:
    path = write_rpm(new_rpm("foo", requires=["bar >= 1"], conflicts=["baz"], modularity_label="a:1"), tmp_path)
    package = read_package(path)
    assert (package.nvr, package.arch, package.modularity_label) == ("foo-1-1", "noarch", "a:1")
    assert package.requires == (Requirement("bar", 12, "1"),)
    assert [str(conflict) for conflict in package.conflicts] == ["baz"]
    assert len(rpmfile.read_facts(path).payloadhash) == 32
    assert unpack(path, tmp_path / "root") == []


def test_equal_descriptions_make_equal_files(tmp_path: Path) -> None:
    first = write_rpm(new_rpm("foo"), tmp_path).read_bytes()
    assert write_rpm(new_rpm("foo"), tmp_path).read_bytes() == first


def test_a_binary_package_is_no_source_package(tmp_path: Path) -> None:
    with pytest.raises(koji.BuildError, match=r"foo-1-1\.noarch\.rpm is not a source package"):
        read_source_package(write_rpm(new_rpm("foo"), tmp_path))


def test_rubbish_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "x.rpm").write_bytes(b"rubbish")
    with pytest.raises(koji.BuildError, match=r"x\.rpm is not a package"):
        read_package(tmp_path / "x.rpm")
