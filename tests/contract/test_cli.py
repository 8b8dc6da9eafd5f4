"""The stock command line `koji`, as a user without /etc/koji.conf runs it, on a devhub with builders."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import koji
import pytest

from devhub.examples import publish
from tools.devhub import serving

ROOT = Path(__file__).resolve().parents[2]
KOJI = Path(sys.executable).with_name("koji")
USER = ("--user", "mbs", "--password", "mbs")
ADMIN = ("--user", "kojiadmin", "--password", "kojiadmin")
TARGET = "f40-candidate"
CLOSED = r"(.+ -> )?closed"
"""What is printed of a task that ended well: its end alone, or the state in which it was seen before, with its host."""
pytestmark = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="the builds need rpmbuild")

SPEC = """\
Name: {name}
Version: 1.0
Release: 1
Summary: Built from the command line
License: MIT
%global debug_package %{{nil}}
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


@dataclass(frozen=True)
class CommandLine:
    """The command line of a user who has nothing but the file that devhub wrote."""

    state: Path
    home: Path

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [KOJI, "-c", self.state / "koji.conf", "-p", "devhub", *arguments]
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "LANG": "C.UTF-8"}
        words, where = [str(word) for word in command], cwd or self.home
        return subprocess.run(
            words, capture_output=True, text=True, timeout=120, env=environment, cwd=where, check=False
        )

    def __call__(self, *arguments: str | Path) -> str:
        """Run a command that must succeed, and give what it prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def anonymous(self, *arguments: str) -> str:
        return self("--noauth", *arguments)

    def refused(self, *arguments: str) -> str:
        """Run a command that must fail, and give what it says."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def srpm(self, name: str, build: str = "true") -> Path:
        spec = self.home / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, build=build))
        command = ["rpmbuild", "-bs", "--define", f"_topdir {self.home}", str(spec)]
        subprocess.run(command, check=True, capture_output=True)
        return self.home / "SRPMS" / f"{name}-1.0-1.src.rpm"


@dataclass(frozen=True)
class Built:
    """A build made by the command line and what that printed."""

    nvr: str
    task_id: int
    output: str


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    state, home = tmp_path_factory.mktemp("cli"), tmp_path_factory.mktemp("home")
    with serving(state, "--builders", "2") as hub:
        assert f"koji -c {state}/koji.conf -p devhub --user mbs --password mbs list-tags" in hub.hint
        _make_target(hub.login())
        yield CommandLine(state, home)


def _make_target(session: koji.ClientSession) -> None:
    session.createBuildTarget(TARGET, "module-f40-build", "f40")
    for package in ("phrasebook", "archful", "broken", "slow"):
        session.packageListAdd("f40", package, "mbs")
    session.logout()


@pytest.fixture(scope="module")
def built(cli: CommandLine) -> Built:
    """A build of two arches from an uploaded source RPM, waited for."""
    cli(*USER, "wait-repo", "--quiet", "--request", "module-f40-build")
    output = cli(*USER, "build", "--wait", "--noprogress", TARGET, cli.srpm("archful"))
    return Built("archful-1.0-1", _task_id(output), output)


def _task_id(output: str) -> int:
    found = re.search(r"Created task: (\d+)", output)
    assert found is not None, output
    return int(found[1])


def test_tags_and_targets_are_listed(cli: CommandLine) -> None:
    tags = cli.anonymous("list-tags").split()
    assert tags == ["f40", "f40-modular-updates-candidate", "module-f40-build"]
    (row,) = (line.split() for line in cli.anonymous("list-targets").splitlines() if TARGET in line)
    assert row == [TARGET, "module-f40-build", "f40"]


def test_a_tag_and_its_groups_are_shown(cli: CommandLine) -> None:
    shown = cli.anonymous("taginfo", "module-f40-build")
    assert "Arches: x86_64 aarch64" in shown
    assert f"Targets that build from this tag:\n  {TARGET}" in shown
    groups = cli.anonymous("list-groups", "module-f40-build")
    assert re.findall(r"^(\S+)", groups, re.MULTILINE) == ["build", "srpm-build"]
    assert "  gcc: None, mandatory  [module-f40-build]" in groups


def test_an_administrator_makes_a_tag_with_all_that_belongs_to_it(cli: CommandLine) -> None:
    cli(*ADMIN, "add-tag", "--arches", "x86_64 aarch64", "typed")
    cli(*ADMIN, "add-tag", "--parent", "module-f40-build", "--arches", "x86_64 aarch64", "typed-build")
    cli(*ADMIN, "add-target", "typed", "typed-build", "typed")
    cli(*ADMIN, "add-pkg", "--owner", "mbs", "typed", "phrasebook")
    cli(*ADMIN, "add-group", "typed", "extra")
    cli(*ADMIN, "add-group-pkg", "typed", "extra", "bash")
    assert re.search(r"^typed +typed-build +typed *$", cli.anonymous("list-targets"), re.MULTILINE)
    assert re.search(r"^phrasebook +typed +mbs", cli.anonymous("list-pkgs", "--tag", "typed"), re.MULTILINE)
    assert "bash: None, mandatory  [typed]" in cli.anonymous("list-groups", "typed", "extra")
    assert "module-f40-build" in cli.anonymous("list-tag-inheritance", "typed-build")
    assert "Got request" in cli(*ADMIN, "regen-repo", "--nowait", "typed-build")
    assert re.search(r"Got repo \d+", cli(*ADMIN, "request-repo", "typed-build"))


def test_an_administrator_enters_a_user_and_says_what_they_may_do(cli: CommandLine) -> None:
    cli(*ADMIN, "add-user", "robin")
    cli(*ADMIN, "grant-permission", "tag", "robin")
    cli(*ADMIN, "grant-cg-access", "robin", "module-build-service")
    assert "tag" in cli.anonymous("list-permissions", "--user", "robin").split()
    cli(*ADMIN, "revoke-permission", "tag", "robin")
    assert "tag" not in cli.anonymous("list-permissions", "--user", "robin").split()
    assert "draft-promoter" in cli.anonymous("list-permissions")


def test_the_builders_are_listed(cli: CommandLine) -> None:
    assert re.findall(r"^(builder\S+) +Y +Y", cli.anonymous("list-hosts"), re.MULTILINE) == [
        "builder-aarch64",
        "builder-x86-64",
    ]


def test_a_user_is_greeted(cli: CommandLine) -> None:
    assert "Authenticated via password" in cli(*USER, "hello")


def test_a_repository_is_asked_for_and_waited_for(cli: CommandLine) -> None:
    cli(*USER, "edit-tag", "module-f40-build", "--extra", "asked=yes")
    assert re.search(r"Got repo \d+", cli(*USER, "wait-repo", "--request", "module-f40-build"))


def test_who_is_not_logged_in_may_not_ask_for_a_repository(cli: CommandLine) -> None:
    told = cli.refused("--authtype", "noauth", "wait-repo", "--request", "module-f40-build")
    assert "Failed to get repo -- you must be logged in for this operation" in told


def test_a_build_of_an_uploaded_package_is_watched_to_its_success(built: Built) -> None:
    for child in ("rebuildSRPM (noarch)", "x86_64)", "aarch64)", "tagBuild (noarch)"):
        assert re.search(rf"{re.escape(child)}: {CLOSED}", built.output), built.output
    assert f"{built.task_id} build ({TARGET}, archful-1.0-1.src.rpm) completed successfully" in built.output


def test_a_build_from_git_is_watched_to_its_success(cli: CommandLine, built: Built) -> None:
    url = publish(ROOT / "examples", cli.home / "git")["rpms/phrasebook"]
    output = cli(*USER, "build", "--wait", TARGET, url)
    assert re.search(rf"buildSRPMFromSCM .*: {CLOSED}", output)
    assert "completed successfully" in output
    tagged = cli.anonymous("list-tagged", "f40")
    assert re.search(r"^phrasebook-\S+ +f40 +mbs$", tagged, re.MULTILINE)
    assert re.search(rf"^{built.nvr} +f40 +mbs$", tagged, re.MULTILINE)


def test_a_build_that_fails_says_why(cli: CommandLine, built: Built) -> None:
    assert built.nvr  # there is a repository
    done = cli.run(*USER, "build", "--wait", "--noprogress", TARGET, cli.srpm("broken", "exit 1"))
    assert done.returncode == 1
    assert "FAILED: BuildError: error building package (arch" in done.stdout


def test_a_build_is_shown_with_its_packages(cli: CommandLine, built: Built) -> None:
    shown = cli.anonymous("buildinfo", built.nvr)
    assert "State: COMPLETE" in shown
    assert "Tags: f40" in shown
    files = [line for line in shown.splitlines() if line.endswith(".rpm") and line.startswith("/")]
    assert {Path(name).parent.name for name in files} == {"src", "x86_64", "aarch64"}
    assert all(Path(name).is_file() for name in files)


def test_a_build_is_untagged_and_tagged_again(cli: CommandLine, built: Built) -> None:
    cli(*USER, "untag-build", "f40", built.nvr)
    assert built.nvr not in cli.anonymous("list-tagged", "f40")
    assert built.nvr in cli.anonymous("list-untagged", "archful")
    assert f"Build {built.nvr} not in tag f40" in cli.refused(*USER, "untag-build", "f40", built.nvr)
    cli(*USER, "tag-build", "--wait", "f40", built.nvr)
    assert built.nvr in cli.anonymous("latest-build", "f40", "archful")


def test_builds_and_tasks_are_listed_and_their_logs_downloaded(cli: CommandLine, built: Built, tmp_path: Path) -> None:
    listed = cli.anonymous("list-builds", "--package", "archful")
    assert re.search(rf"^{built.nvr} +mbs +COMPLETE$", listed, re.MULTILINE)
    long_ago = ("list-tasks", "--all", "--after", "2026-01-01", "--method", "build")
    assert re.search(rf"^{built.task_id} +\d+ +mbs +CLOSED", cli.anonymous(*long_ago), re.MULTILINE)
    cli.anonymous("download-logs", "--recurse", "--dir", str(tmp_path), str(built.task_id))
    assert {path.name for path in tmp_path.rglob("*.log")} >= {"build.log", "root.log"}


def test_a_package_is_shown(cli: CommandLine, built: Built) -> None:
    shown = cli.anonymous("rpminfo", f"{built.nvr}.aarch64")
    assert re.search(r"^SIGMD5: [0-9a-f]{32}$", shown, re.MULTILINE)
    assert "Build Host: builder-aarch64" in shown


def test_a_task_is_shown_with_its_children_and_watched_when_over(cli: CommandLine, built: Built) -> None:
    shown = cli.anonymous("taskinfo", "-r", str(built.task_id))
    assert re.findall(r"Type: (\w+)", shown) == ["build", "rebuildSRPM", "buildArch", "buildArch", "tagBuild"]
    assert f"Build: {built.nvr}" in shown
    assert "build.log" in shown
    assert "completed successfully" in cli.anonymous("watch-task", str(built.task_id))


def test_a_user_cancels_a_task_of_theirs_and_of_nobody_else(cli: CommandLine, built: Built) -> None:
    assert built.nvr  # there is a repository
    task_id = _task_id(cli(*USER, "build", "--nowait", "--noprogress", TARGET, cli.srpm("slow", "sleep 300")))
    alice = ("--user", "alice", "--password", "alice")
    assert "Cannot cancel task, not owner" in cli.refused(*alice, "cancel", str(task_id))
    cli(*USER, "cancel", str(task_id))
    assert "State: canceled" in cli.anonymous("taskinfo", str(task_id))


@pytest.mark.parametrize(
    "choose", [lambda nvr: [nvr, "--arch=aarch64"], lambda nvr: ["--rpm", f"{nvr}.aarch64"]], ids=["arch", "rpm"]
)
def test_a_build_is_downloaded_whole(
    cli: CommandLine, built: Built, tmp_path: Path, choose: Callable[[str], list[str]]
) -> None:
    done = cli.run("--noauth", "download-build", "--noprogress", *choose(built.nvr), cwd=tmp_path)
    # Whoever has RPM's Python bindings, which are not on PyPI, gets the signature checked, too.
    assert done.returncode == 0 or "rpm's python bindings are not installed" in done.stderr
    name = f"{built.nvr}.aarch64.rpm"
    (original,) = (cli.state / "files" / "packages").rglob(name)
    assert (tmp_path / name).read_bytes() == original.read_bytes()


def test_who_forgets_to_say_who_they_are_is_told_at_once(cli: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "koji.conf"
    config.write_text((cli.state / "koji.conf").read_text().replace("authtype = password\n", ""))
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [str(KOJI), "-c", str(config), "-p", "devhub", "hello"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, env=environment, check=False)
    assert done.returncode != 0
    assert "unable to obtain a session" in done.stderr
