"""rpkg, as fedpkg, centpkg and their like are made of it, drives the service."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mbs.registry import ModuleState
from tests.clients.conftest import Served
from tests.conftest import ROOT

GREETER = ROOT / "examples" / "modules" / "greeter" / "greeter.yaml"


def submitted(said: str) -> list[int]:
    """The numbers of the builds that rpkg names."""
    return [int(number) for number in re.findall(r"module-builds/(\d+)", said)]


@pytest.fixture(scope="module")
def commit(served: Served) -> str:
    return served.commit("greeter")


@pytest.fixture(scope="module")
def build_id(served: Served, commit: str) -> int:
    """A build that rpkg has submitted."""
    [number] = submitted(served.rpkg("module-build", commit, "1"))
    return number


def test_a_commit_is_submitted(served: Served, commit: str, build_id: int) -> None:
    build = served.registry.builds.get(build_id)
    assert (build.nsvc.name, build.nsvc.stream, build.state) == ("greeter", "1", ModuleState.WAIT)
    assert (build.owner, build.scmurl) == ("anonymous", commit)


def test_what_exists_is_refused_in_the_words_of_mbs(served: Served, commit: str, build_id: int) -> None:
    said = served.rpkg("module-build", commit, "1", fails=True)
    assert f"Module (state={int(served.registry.builds.get(build_id).state)}) already exists." in said


def test_every_problem_is_printed(served: Served, commit: str) -> None:
    said = served.rpkg(
        "module-build",
        commit,
        "1",
        "--optional",
        "colour=red",
        "--buildrequires",
        "nodejs:10",
        fails=True,
    )
    assert "The build failed with:" in said
    assert "colour" in said


def test_info_shows_what_is_known(served: Served, build_id: int) -> None:
    said = served.rpkg("module-build-info", build_id)
    for shown in (
        "Name:           greeter",
        "Stream:         1",
        "Owner:          anonymous",
        "phrasebook",
        "libgreet",
    ):
        assert shown.replace(" ", "") in said.replace(" ", ""), said


def test_overview_lists_what_is_unfinished(served: Served, build_id: int) -> None:
    assert f"{build_id}" in served.rpkg("module-overview", "--unfinished", "--limit", "5")
    assert "greeter" in served.rpkg("module-overview", "--unfinished", "--owner", "anonymous")
    assert "greeter" not in served.rpkg("module-overview", "--unfinished", "--owner", "nobody-of-that-name")


def test_a_scratch_build_of_a_file_in_no_repository(served: Served, tmp_path: Path) -> None:
    document = tmp_path / "hello.yaml"
    document.write_text(GREETER.read_text())
    said = served.rpkg("module-scratch-build", "--file", document, cwd=tmp_path)
    [number] = submitted(said)
    build = served.registry.builds.get(number)
    assert (build.nsvc.name, build.scratch, build.scmurl) == ("hello", True, None)


def test_a_scratch_build_of_a_clone_with_a_changed_package(served: Served, tmp_path: Path) -> None:
    clone = served.clone("greeter", tmp_path)
    spec = tmp_path / "phrasebook.spec"
    spec.write_text(
        "Name: phrasebook\nVersion: 9\nRelease: 1\nSummary: Phrases\nLicense: MIT\nBuildArch: noarch\n"
        "%description\nPhrases.\n%files\n"
    )
    subprocess.run(
        ["rpmbuild", "-bs", "--define", f"_topdir {tmp_path}", "--define", f"_srcrpmdir {tmp_path}", str(spec)],
        check=True,
        capture_output=True,
    )
    [srpm] = tmp_path.glob("*.src.rpm")
    said = served.rpkg(
        *("--user", "mbs", "--password", "mbs"),  # of Koji, where the package is uploaded to
        "module-build",
        "--scratch",
        "--file",
        clone / "greeter.yaml",
        "--srpm",
        srpm,
        "--buildrequires",
        "platform:f40",
        cwd=clone,
    )
    [number] = submitted(said)
    build = served.registry.builds.get(number)
    assert build.scratch
    [uploaded] = build.srpms
    assert re.fullmatch(r"cli-build/.+/phrasebook\.src\.rpm", uploaded)


def test_a_build_is_watched_until_it_is_canceled(served: Served, build_id: int) -> None:
    assert "was cancelled" in served.rpkg("module-build-cancel", build_id)
    build = served.registry.builds.get(build_id)
    assert (build.state, build.state_reason) == (ModuleState.FAILED, "Canceled by anonymous.")
    watched = served.rpkg("module-build-watch", build_id)
    assert "greeter" in watched
    assert "failed" in watched
    assert "must be in one of the following states" in served.rpkg("module-build-cancel", build_id, fails=True)


def test_resubmitting_goes_on_with_the_same_build(served: Served, commit: str, build_id: int) -> None:
    said = served.rpkg("module-build", commit, "1")
    assert submitted(said) == [build_id]
    assert served.registry.builds.get(build_id).state is ModuleState.WAIT
