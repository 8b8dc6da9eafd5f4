"""The web pages of a hub that has built, failed and imported something: every link leads somewhere."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import koji
import pytest
import requests

from devhub.examples import publish
from mbs.koji import pages
from tools.devhub import RunningDevhub, serving

pytestmark = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="the hub builds packages")
EXAMPLES = Path(__file__).parents[3] / "examples"
HOSTILE = "<script>alert('x')</script>"


@dataclass(frozen=True)
class Site:
    """A hub with something to show: the ids of its tasks and builds by what they are."""

    session: koji.ClientSession
    top: str
    tasks: dict[str, int]
    builds: dict[str, int]

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.top}{path}", timeout=30)

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), answer.text
        return answer.text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site"), "--builders", "2") as hub:
        yield _fill(hub, publish(EXAMPLES, tmp_path_factory.mktemp("git")), tmp_path_factory.mktemp("files"))


def _fill(hub: RunningDevhub, sources: dict[str, str], work: Path) -> Site:
    """Build a package, fail with another, ask for nonsense, and import a module."""
    session = hub.login()
    session.createBuildTarget("f40", "module-f40-build", "f40")
    session.editTag2("f40", extra={"hostile": HOSTILE})
    session.packageListAdd("f40", "phrasebook", "mbs")
    asked = {"good": sources["rpms/phrasebook"], "bad": sources["rpms/salute"], "nonsense": HOSTILE}
    tasks = {name: session.build(source, "f40", {"skip_tag": name != "good"}) for name, source in asked.items()}
    deadline = time.monotonic() + 120
    while not all(session.taskFinished(task) for task in tasks.values()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    module = _import(session, work)["id"]
    built = {name: session.listBuilds(taskID=tasks[name])[0]["build_id"] for name in ("good", "bad")}
    return Site(session, hub.url.removesuffix("/kojihub"), tasks, {**built, "module": module})


def _import(session: koji.ClientSession, work: Path) -> dict[str, int]:
    (work / "modulemd.txt").write_text("document: x\n")
    session.uploadWrapper(str(work / "modulemd.txt"), "mbs/1")
    checksum = hashlib.md5(b"document: x\n", usedforsecurity=False).hexdigest()
    facts = {"name": "greeter", "stream": "1", "version": "1", "context": "c0", "content_koji_tag": "f40"}
    root = {
        "id": 1,
        "host": {"os": "Linux", "arch": "x86_64"},
        "content_generator": {"name": "module-build-service", "version": "3"},
        "container": {"type": "none", "arch": "x86_64"},
        "components": [],
        "tools": [],
    }
    output = {
        "buildroot_id": 1,
        "arch": "noarch",
        "type": "file",
        "filename": "modulemd.txt",
        "filesize": 12,
        "checksum_type": "md5",
        "checksum": checksum,
        "extra": {"typeinfo": {"module": {}}},
    }
    build = {"name": "greeter", "version": "1", "release": "1.c0", "start_time": 1, "end_time": 2}
    metadata = {
        "metadata_version": 0,
        "build": {**build, "source": "git://x#1", "extra": {"typeinfo": {"module": facts}}},
        "buildroots": [root],
        "output": [output],
    }
    imported: dict[str, int] = session.CGImport(metadata, "mbs/1")
    return imported


def test_no_link_of_the_pages_is_dead(site: Site) -> None:
    seen, waiting, dead = {"/koji/"}, ["/koji/"], []
    while waiting:
        path = waiting.pop()
        answer = site.get(path)
        if answer.status_code != 200:
            dead.append((path, answer.status_code))
        if path.startswith("/koji/"):
            found = {urljoin(path, unescape(link)) for link in re.findall(r'href="([^"]+)"', answer.text)}
            fresh = {link for link in found if not urlsplit(link).scheme} - seen
            seen |= fresh
            waiting += sorted(fresh)
    assert dead == []
    wanted = ("taskinfo", "buildinfo", "rpminfo", "packageinfo", "taginfo", "buildtargetinfo", "repoinfo", "hosts")
    assert [name for name in wanted if not any(path.startswith(f"/koji/{name}") for path in seen)] == []


def test_the_links_of_the_service_lead_to_pages(site: Site) -> None:
    web = f"{site.top}/koji"
    assert "phrasebook" in requests.get(pages.task_url(web, site.tasks["good"]), timeout=30).text
    assert "phrasebook-2.1-1" in requests.get(pages.build_url(web, site.builds["good"]), timeout=30).text
    arch = next(child for child in site.session.getTaskChildren(site.tasks["good"]) if child["label"] == "noarch")
    assert "build.log" in requests.get(pages.logs_url(f"{site.top}/kojifiles", arch["id"]), timeout=30).text


def test_a_task_is_shown_with_its_tree_its_logs_and_its_build(site: Site) -> None:
    page = site.page(f"/koji/taskinfo?taskID={site.tasks['good']}")
    for shown in ("buildSRPMFromSCM", "buildArch", "tagBuild", "phrasebook-2.1-1", "builder-x86-64", "closed"):
        assert shown in page
    child = next(one for one in site.session.getTaskChildren(site.tasks["good"]) if one["label"] == "noarch")
    assert "Executing(%install)" in site.page(f"/koji/taskinfo?taskID={child['id']}")
    assert 'http-equiv="refresh"' not in page


def test_a_failed_task_says_why_and_shows_the_end_of_the_log_that_tells_it(site: Site) -> None:
    page = unescape(site.page(f"/koji/taskinfo?taskID={site.tasks['bad']}"))
    assert "mock exited with status 30; see root.log" in page
    assert "No matching package to install: 'libgreet-devel'" in page


def test_a_build_is_shown_with_its_rpms_its_tags_and_its_logs(site: Site) -> None:
    page = site.page("/koji/buildinfo?buildID=phrasebook-2.1-1")
    for shown in ("phrasebook-2.1-1.noarch.rpm", "phrasebook-2.1-1.src.rpm", ">f40</a>", "build.log", "complete"):
        assert shown in page
    module = site.page(f"/koji/buildinfo?buildID={site.builds['module']}")
    for shown in ("module-build-service", "modulemd.txt", ">f40</a>", "greeter"):
        assert shown in module


def test_a_tag_is_shown_with_what_it_inherits_lists_and_holds(site: Site) -> None:
    page = site.page("/koji/taginfo?tagID=module-f40-build")
    for shown in ("x86_64 aarch64", "srpm-build", "builds from this tag", "ready", "/koji/repoinfo?repoID="):
        assert shown in page
    assert "phrasebook-2.1-1" in site.page("/koji/taginfo?tagID=f40")


def test_what_strangers_wrote_is_shown_as_text(site: Site) -> None:
    for path in (f"/koji/taskinfo?taskID={site.tasks['nonsense']}", "/koji/taginfo?tagID=f40", "/koji/tasks", "/koji/"):
        answer = site.get(path)
        assert (answer.status_code, HOSTILE in answer.text) == (200, False)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert HOSTILE in unescape(site.page(f"/koji/taskinfo?taskID={site.tasks['nonsense']}"))
    missing = site.get(f"/koji/taginfo?tagID={HOSTILE}")
    assert (missing.status_code, HOSTILE in missing.text) == (404, False)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("taskinfo?taskID=99999", "There is no task 99999."),
        ("taskinfo", "Say which task, as ?taskID=1"),
        ("taskinfo?taskID=x", "Say which task, as ?taskID=1"),
        (f"taskinfo?taskID={'9' * 500}", "Say which task"),
        ("buildinfo?buildID=nothing-like-this", "There is no build nothing-like-this."),
        ("buildinfo?buildID=nothing", "There is no build nothing."),
        ("taginfo?tagID=nosuch", "There is no tag nosuch."),
        ("rpminfo?rpmID=nosuch", "There is no RPM nosuch."),
        ("packageinfo?packageID=nosuch", "There is no package nosuch."),
        ("builds?tagID=nosuch", "There is no tag nosuch."),
        ("nosuch", "There is no such page."),
        (f"{'a/' * 3000}", "There is no such page."),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(site: Site, path: str, sentence: str) -> None:
    answer = site.get(f"/koji/{path}")
    assert answer.status_code == 404
    assert sentence in unescape(answer.text)


def test_the_lists_can_be_narrowed_and_turned(site: Site) -> None:
    failed = site.page("/koji/tasks?state=failed")
    assert f'taskID={site.tasks["bad"]}"' in failed
    assert f'taskID={site.tasks["good"]}"' not in failed
    assert "buildArch" in site.page("/koji/tasks?view=flat")
    assert "No tasks." in site.page("/koji/tasks?start=100000")
    assert "phrasebook-2.1-1" in site.page("/koji/builds?tagID=f40")
    assert "salute" not in site.page("/koji/builds?state=complete")


def test_the_bare_address_leads_to_the_start_page(site: Site) -> None:
    assert site.get("/").url == f"{site.top}/koji/"
    assert "phrasebook-2.1-1" in site.get("/koji").text
