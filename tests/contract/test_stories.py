"""Whole stories through the stock client, on a devhub with builders or, with `--hub URL`, on any hub.

They need an account with the permissions tag and target, a platform tag (`--platform`), and rpmbuild for the SRPMs
that they upload; every name that they make is new.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import koji
import pytest

from tests.contract.conftest import Hub

PATIENCE = 600.0  # seconds, for a hub that is busy
pytestmark = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="the stories make SRPMs with rpmbuild")

SPEC = """\
Name: {name}
Version: 1.0
Release: 1
Summary: A package of the contract
License: MIT
{preamble}
%description
Nothing to see.
%build
{build}
%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo 1 > %{{buildroot}}/usr/share/{name}/file
%files
/usr/share/{name}
"""


@dataclass
class Story:
    """A module's tags and target on a hub, and what a story does with them."""

    session: koji.ClientSession
    tag: str
    platform: str
    work: Path

    @property
    def build_tag(self) -> str:
        return f"{self.tag}-build"

    def name(self, word: str) -> str:
        """Give a package name of this story's own: an NVR can be built once on a hub."""
        return f"{self.tag}-{word}"

    def set_up(self) -> None:
        self.session.createTag(self.tag, arches="x86_64 aarch64")
        self.session.createTag(self.build_tag, arches="x86_64 aarch64", extra={"repo_include_all": True})
        names = (self.tag, self.platform)
        links = [{"parent_id": self.session.getTag(name)["id"], "priority": 10 * i} for i, name in enumerate(names)]
        whole = {"maxdepth": None, "intransitive": False, "noconfig": False, "pkg_filter": ""}
        self.session.setInheritanceData(self.build_tag, [{**link, **whole} for link in links])
        self.session.createBuildTarget(self.tag, self.build_tag, self.tag)

    def srpm(self, word: str, preamble: str = "BuildArch: noarch", build: str = "true") -> str:
        """Make an SRPM, list its package, upload it, and give what `build` takes as its source."""
        name = self.name(word)
        spec = self.work / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, preamble=preamble, build=build))
        command = ["rpmbuild", "-bs", "--define", f"_topdir {self.work}", str(spec)]
        subprocess.run(command, check=True, capture_output=True)
        self.session.packageListAdd(self.tag, name, self.session.getLoggedInUser()["name"])
        directory = f"contract/{uuid.uuid4().hex}"
        self.session.uploadWrapper(str(self.work / "SRPMS" / f"{name}-1.0-1.src.rpm"), directory)
        return f"{directory}/{name}-1.0-1.src.rpm"

    def repo(self) -> int:
        """Ask for a repository with all that is tagged now and wait for it."""
        answer = self.session.repo.request(self.build_tag, min_event="last")
        if answer["repo"]:
            return int(answer["repo"]["id"])
        checked = self.until(lambda: self._served(answer["request"]["id"]))
        assert checked["repo"] is not None, "the hub gave the request up"
        return int(checked["repo"]["id"])

    def build(self, source: str, **options: object) -> int:
        return int(self.session.build(source, self.tag, {"skip_tag": True, **options}))

    def wait(self, task_id: int) -> int:
        self.until(lambda: self.session.taskFinished(task_id))
        return int(self.session.getTaskInfo(task_id)["state"])

    def built(self, source: str, **options: object) -> dict[str, Any]:
        """Build something that builds, and give its build."""
        task_id = self.build(source, **options)
        assert self.wait(task_id) == koji.TASK_STATES["CLOSED"], self.session.getTaskResult(task_id, raise_fault=False)
        (build,) = self.session.listBuilds(taskID=task_id)
        return dict(build)

    def fault(self, task_id: int) -> dict[str, Any]:
        assert self.wait(task_id) == koji.TASK_STATES["FAILED"]
        return dict(self.session.getTaskResult(task_id, raise_fault=False))

    def child(self, task_id: int, label: str) -> dict[str, Any]:
        return next(child for child in self.session.getTaskChildren(task_id) if child["label"] == label)

    def until(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError("the hub did not get there")
            time.sleep(0.1)
        return found

    def _served(self, request_id: int) -> dict[str, Any] | None:
        checked: dict[str, Any] = self.session.repo.checkRequest(request_id)
        return checked if checked["repo"] or not checked["request"]["active"] else None


@pytest.fixture
def story(story_hub: Hub, platform: str, tmp_path: Path) -> Story:
    made = Story(story_hub.login(), f"contract-{uuid.uuid4().hex[:8]}", platform, tmp_path)
    made.set_up()
    return made


def test_a_second_batch_builds_on_the_repository_that_has_the_first(story: Story) -> None:
    before = story.repo()
    library = story.built(story.srpm("library"), repo_id=before)
    assert library["state"] == koji.BUILD_STATES["COMPLETE"]
    story.session.tagBuildBypass(story.tag, library["nvr"])
    needy = story.srpm("program", f"BuildArch: noarch\nBuildRequires: {story.name('library')}")
    task_id = story.build(needy, repo_id=before)
    told = story.fault(task_id)
    assert told["faultCode"] == koji.BuildError.faultCode
    assert "mock exited with status 30; see root.log" in told["faultString"]
    after = story.repo()
    assert after > before
    program = story.built(needy, repo_id=after)
    assert program["nvr"] == f"{story.name('program')}-1.0-1"
    story.session.tagBuildBypass(story.tag, program["nvr"])
    listed = story.session.listTagged(story.tag, latest=True)
    assert [build["nvr"] for build in listed] == [program["nvr"], library["nvr"]]
    assert story.session.listTagged(story.tag, latest=None) == listed  # as the command line asks
    rpms, _ = story.session.listTaggedRPMS(story.build_tag, inherit=True, latest=True, arch="noarch")
    assert {rpm["name"] for rpm in rpms} >= {story.name("library"), story.name("program")}


def test_every_arch_has_its_child_with_a_result(story: Story) -> None:
    task_id = story.build(story.srpm("archful", preamble="%global debug_package %{nil}"), repo_id=story.repo())
    assert story.wait(task_id) == koji.TASK_STATES["CLOSED"]
    labels = {child["label"] for child in story.session.getTaskChildren(task_id)}
    assert labels == {"srpm", "x86_64", "aarch64"}
    result = story.session.getTaskResult(story.child(task_id, "aarch64")["id"])
    assert [Path(rpm).name for rpm in result["rpms"]] == [f"{story.name('archful')}-1.0-1.aarch64.rpm"]
    assert story.session.getTaskResult(task_id) is None


def test_one_arch_that_fails_fails_the_build_and_its_nvr_may_be_built_again(story: Story) -> None:
    preamble = "%global debug_package %{nil}"
    source = story.srpm("broken", preamble=preamble, build="%ifarch aarch64\nexit 1\n%endif")
    repo_id = story.repo()
    task_id = story.build(source, repo_id=repo_id)
    told = story.fault(task_id)
    assert "(arch aarch64), mock exited with status 1; see build.log or root.log" in told["faultString"]
    assert story.session.getTaskInfo(story.child(task_id, "aarch64")["id"])["state"] == koji.TASK_STATES["FAILED"]
    (failed,) = story.session.listBuilds(taskID=task_id)
    assert failed["state"] == koji.BUILD_STATES["FAILED"]
    again = story.built(story.srpm("broken", preamble=preamble), repo_id=repo_id)
    assert again["build_id"] == failed["build_id"]
    assert again["task_id"] != task_id


def test_a_complete_nvr_is_not_built_twice(story: Story) -> None:
    source, repo_id = story.srpm("once"), story.repo()
    build = story.built(source, repo_id=repo_id)
    task_id = story.build(source, repo_id=repo_id)
    told = story.fault(task_id)
    assert told["faultCode"] == koji.GenericError.faultCode
    assert told["faultString"].startswith(f"Build already exists (id={build['build_id']}, state=COMPLETE)")
    assert story.session.listBuilds(taskID=task_id) == []


def test_canceling_a_build_cancels_what_it_runs(story: Story) -> None:
    task_id = story.build(story.srpm("slow", build="sleep 300"), repo_id=story.repo())
    story.until(
        lambda: [c for c in story.session.getTaskChildren(task_id) if c["label"] == "noarch" and c["state"] == 1]
    )
    story.session.cancelTask(task_id)
    states = {child["label"]: child["state"] for child in story.session.getTaskChildren(task_id)}
    assert states == {"srpm": koji.TASK_STATES["CLOSED"], "noarch": koji.TASK_STATES["CANCELED"]}
    (build,) = story.session.listBuilds(taskID=task_id)
    assert build["state"] == koji.BUILD_STATES["CANCELED"]
    with pytest.raises(koji.GenericError, match=f"Task {task_id} is canceled"):
        story.session.getTaskResult(task_id)


def test_tagging_is_a_task_and_fails_there_when_it_is_tagged_already(story: Story) -> None:
    build = story.built(story.srpm("tagged"), repo_id=story.repo())
    assert story.wait(story.session.tagBuild(story.tag, build["nvr"])) == koji.TASK_STATES["CLOSED"]
    told = story.fault(story.session.tagBuild(story.tag, build["nvr"]))
    assert told == {"faultCode": 1003, "faultString": f"build {build['nvr']} already tagged ({story.tag})"}


def _module_metadata(name: str, documents: dict[str, bytes]) -> dict[str, Any]:
    """Describe the import of a module build as a module build service does; `documents` are its files by arch."""
    module = {
        "name": name,
        "stream": "1",
        "version": "20260101",
        "context": "c0ffee42",
        "modulemd_str": "document: x\n",
    }
    root = {
        "id": 1,
        "host": {"os": "Linux", "arch": "x86_64"},
        "content_generator": {"name": "module-build-service", "version": "3.0"},
        "container": {"type": "none", "arch": "x86_64"},
        "components": [],
        "tools": [],
    }
    return {
        "metadata_version": 0,
        "build": {
            "name": name,
            "version": "1",
            "release": "20260101.c0ffee42",
            "source": "git://example.org/modules/x?#1",
            "start_time": 1767225600,
            "end_time": 1767229200,
            "extra": {"typeinfo": {"module": module}},
        },
        "buildroots": [root],
        "output": [_document(filename, content) for filename, content in documents.items()],
    }


def _document(filename: str, content: bytes) -> dict[str, Any]:
    return {
        "buildroot_id": 1,
        "arch": "noarch",
        "type": "file",
        "filename": filename,
        "filesize": len(content),
        "checksum_type": "md5",
        "checksum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "extra": {"typeinfo": {"module": {}}},
        "components": [],
    }


def _upload(story: Story, documents: dict[str, bytes]) -> str:
    directory = f"contract/{uuid.uuid4().hex}"
    for filename, content in documents.items():
        (story.work / filename).write_bytes(content)
        story.session.uploadWrapper(str(story.work / filename), directory)
    return directory


DOCUMENTS = {"modulemd.txt": b"document: modulemd\n", "modulemd.x86_64.txt": b"document: modulemd-x86_64\n"}


def test_a_module_build_is_imported_found_again_and_tagged(story: Story) -> None:
    session, name = story.session, story.name("module")
    metadata = _module_metadata(name, DOCUMENTS)
    imported = session.CGImport(metadata, _upload(story, DOCUMENTS))
    assert imported["nvr"] == f"{name}-1-20260101.c0ffee42"
    build = session.getBuild(imported["nvr"])
    assert (build["state"], build["task_id"]) == (koji.BUILD_STATES["COMPLETE"], None)
    assert (build["cg_name"], build["owner_name"]) == ("module-build-service", session.getLoggedInUser()["name"])
    assert build["extra"] == metadata["build"]["extra"]
    assert list(session.getBuildType(imported["nvr"])) == ["module"]
    archives = session.listArchives(buildID=imported["id"])
    assert {(archive["filename"], archive["size"], archive["btype"]) for archive in archives} == {
        (filename, len(content), "module") for filename, content in DOCUMENTS.items()
    }
    session.packageListAdd(story.tag, name, build["owner_name"])
    assert story.wait(session.tagBuild(story.tag, imported["nvr"])) == koji.TASK_STATES["CLOSED"]
    assert [found["nvr"] for found in session.listTagged(story.tag, type="module")] == [imported["nvr"]]
    assert session.listTagged(story.tag, type="maven") == []


def test_a_module_build_is_imported_once(story: Story) -> None:
    metadata = _module_metadata(story.name("module"), DOCUMENTS)
    imported = story.session.CGImport(metadata, _upload(story, DOCUMENTS))
    told = f"Build already exists: {imported['nvr']} (id={imported['id']})"
    with pytest.raises(koji.GenericError, match=re.escape(told)):
        story.session.CGImport(metadata, _upload(story, DOCUMENTS))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("checksum", "0" * 32, "File checksum mismatch for modulemd.txt"),
        ("filesize", 1, "File size .* for modulemd.txt"),
    ],
)
def test_a_file_that_differs_from_its_metadata_leaves_no_build(
    story: Story, key: str, value: object, told: str
) -> None:
    metadata = _module_metadata(story.name("module"), DOCUMENTS)
    metadata["output"][0][key] = value
    with pytest.raises(koji.GenericError, match=told):
        story.session.CGImport(metadata, _upload(story, DOCUMENTS))
    assert story.session.getBuild(f"{story.name('module')}-1-20260101.c0ffee42") is None


def test_who_has_no_access_to_the_content_generator_imports_nothing(story: Story, story_hub: Hub) -> None:
    if not story_hub.ours:
        pytest.skip("a user without access is known on devhub only")
    metadata = _module_metadata(story.name("module"), DOCUMENTS)
    with pytest.raises(koji.AuthError, match="Content generator access required"):
        story_hub.login("alice").CGImport(metadata, _upload(story, DOCUMENTS))
