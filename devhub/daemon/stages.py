"""The tasks that do the work: source RPM, one arch of a build, one arch of a repository.

Each reads what it needs, works in files of its own and answers the result; the daemon stores it. It may be stopped at
any moment and started again from the beginning.
"""

import platform
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import koji

from devhub import groups, lookup, repos
from devhub.builder import depsolve, rpmbuild, simulate
from devhub.builder.package import Package, Requirement, read_source_package
from devhub.builder.process import Runner, TimedOut
from devhub.builder.root import lay_out
from devhub.builder.source import checkout, parse_git_url
from devhub.daemon import facts, files, newrepo
from devhub.daemon.injected import Injected
from devhub.daemon.settings import BuilderSettings
from devhub.database import Connection, Database
from devhub.tasks import Task

LOGS = ("build.log", "root.log", "state.log")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one task: what is to go wrong with it, its build root's row, and what stops it."""

    task: Task
    database: Database
    settings: BuilderSettings
    buildroot: int | None = None
    injected: Injected = field(default_factory=Injected)
    canceled: threading.Event = field(default_factory=threading.Event)

    @property
    def output(self) -> Path:
        """Where logs and results of the task are served from."""
        return files.task_directory(self.settings.files, self.task.id)

    def path(self, name: str) -> str:
        """A file of the output as results name it."""
        return f"{files.task_path(self.task.id)}/{name}"


def build_srpm_from_scm(attempt: Attempt) -> dict[str, Any]:
    """`buildSRPMFromSCM`: clone at the commit and make the source RPM."""
    url, build_tag, options = attempt.task.request
    source = parse_git_url(url, attempt.settings.allowed_scms)
    with _workplace(attempt) as place:
        git = Runner(attempt.output / "checkout.log", attempt.settings.git_timeout, attempt.canceled)
        sources = checkout(source, place.scratch / "checkout", git)
        srpm = _make_srpm(attempt, place, (build_tag, options["repo_id"]), sources)
        return _srpm_result(attempt, srpm, source.description)


def rebuild_srpm(attempt: Attempt) -> dict[str, Any]:
    """`rebuildSRPM`: make the source RPM again from an uploaded one, so that it carries this build root's %dist."""
    uploaded, build_tag, options = attempt.task.request
    given = files.work_file(attempt.settings.files, uploaded)
    read_source_package(given)
    with _workplace(attempt) as place:
        sources = rpmbuild.unpack_srpm(given, place.scratch / "uploaded")
        srpm = _make_srpm(attempt, place, (build_tag, options["repo_id"]), sources)
        return _srpm_result(attempt, srpm, {"source": given.name, "url": given.name})


def build_arch(attempt: Attempt) -> dict[str, Any]:
    """`buildArch`: the RPMs of one arch, and the rebuilt source RPM where the task is the one to keep it."""
    srpm_path, build_tag, label, keep_srpm, options = attempt.task.request
    srpm = files.work_file(attempt.settings.files, srpm_path)
    package = read_source_package(srpm)
    with _workplace(attempt) as place:
        with _status(label):
            _set_up_root(attempt, place, _Root(build_tag, options["repo_id"], label, "build"), package.requires)
            rebuilt, rpms = _make_rpms(attempt, place, srpm, package)
        kept = [rebuilt] if keep_srpm else []
        for made in (*rpms, *kept):
            files.share(made, attempt.output / made.name)
    return {
        "rpms": [attempt.path(rpm.name) for rpm in rpms],
        "srpms": [attempt.path(made.name) for made in kept],
        "logs": [attempt.path(log) for log in LOGS],
        "brootid": attempt.buildroot,
    }


def create_repo(attempt: Attempt) -> None:
    """`createrepo`: one arch of a repository."""
    if attempt.injected.fail:
        raise koji.GenericError("failed to create repo: this failure was asked for")
    newrepo.create_repository(attempt.database.reader(), attempt.task, attempt.settings.files)


STAGES = {
    "buildSRPMFromSCM": build_srpm_from_scm,
    "rebuildSRPM": rebuild_srpm,
    "buildArch": build_arch,
    "createrepo": create_repo,
}


def package_of(task: Task) -> str:
    """The name by which faults and latencies know what a task builds: a package, a repository's name, a tag's id."""
    subject = str(task.request[0]).partition("#")[0].rstrip("?/").rpartition("/")[2]
    try:
        return str(koji.parse_NVRA(subject)["name"]) if subject.endswith(".src.rpm") else subject
    except koji.GenericError:
        return subject


def repo_of(task: Task) -> int | None:
    """The repository that a task's build root is made of; None for tasks that have no build root."""
    if task.method == "createrepo":
        return None
    return int(facts.options(task.request, len(task.request) - 1)["repo_id"])


@dataclass(frozen=True, slots=True)
class _Root:
    """What a build root is made of: a repository with the group that its tag had then, and the arch of its label."""

    tag_id: int
    repo_id: int
    label: str
    group: str


class _Status(Exception):
    """A stage ended with one of mock's exit codes."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@contextmanager
def _workplace(attempt: Attempt) -> Iterator[rpmbuild.Workplace]:
    """A fresh scratch directory and fresh logs; the directory is gone afterwards, the logs stay."""
    output = files.empty(attempt.output)
    # An orphan of a killed daemon may still write into the directory of an earlier attempt.
    scratch = Path(tempfile.mkdtemp(prefix=f"{attempt.task.id}-", dir=attempt.settings.scratch))
    (scratch / "work").mkdir()
    for log in LOGS:
        (output / log).touch()
    runner = Runner(output / "build.log", attempt.settings.build_timeout, attempt.canceled)
    try:
        yield rpmbuild.Workplace(scratch / "root", scratch / "work", runner)
    except TimedOut as error:
        raise koji.BuildError(str(error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _status(label: str) -> Iterator[None]:
    try:
        yield
    except _Status as failed:
        raise rpmbuild.build_error(label, failed.status) from failed


def _make_srpm(attempt: Attempt, place: rpmbuild.Workplace, where: tuple[int, int], sources: Path) -> Path:
    try:
        _set_up_root(attempt, place, _Root(*where, "noarch", "srpm-build"), ())
    except _Status as failed:
        raise rpmbuild.srpm_error(failed.status) from failed
    if attempt.injected.fail:
        _write(place.runner.log, "error: this failure was asked for")
        raise rpmbuild.srpm_error(rpmbuild.BUILD_FAILED)
    return rpmbuild.build_srpm(place, sources)


def _srpm_result(attempt: Attempt, srpm: Path, source: dict[str, str]) -> dict[str, Any]:
    files.share(srpm, attempt.output / srpm.name)
    return {
        "srpm": attempt.path(srpm.name),
        "logs": [attempt.path(log) for log in LOGS],
        "brootid": attempt.buildroot,
        "source": source,
    }


def _set_up_root(attempt: Attempt, place: rpmbuild.Workplace, root: _Root, requires: tuple[Requirement, ...]) -> None:
    """Resolve and lay out a build root, telling root.log; `_Status` 30 when that fails."""
    log = attempt.output / "root.log"
    connection = attempt.database.reader()
    arch, repo = _root_arch(connection, root), repos.must_find(connection, root.repo_id)
    repository = files.repo_directory(attempt.settings.files, repo["tag_name"], root.repo_id) / arch
    # A repository carries the groups of its moment; what a tag's group got since is not in it.
    group = groups.packages(connection, repo["tag_id"], root.group, repo["create_event"])
    _write(attempt.output / "state.log", f"build root of {arch} from repository {root.repo_id}")
    _write(log, f"Repository {root.repo_id} for {arch}", f"Group {root.group}: {' '.join(group or [])}")
    _must_be_possible(attempt, log, root.group, group)
    _write(log, *(f"Requested: {requirement}" for requirement in requires))
    try:
        chosen = depsolve.resolve(repository, arch, requires, attempt.settings.assume, group or ())
    except depsolve.Unresolvable as problem:
        _write(log, *problem.lines, "Not all dependencies satisfied")
        raise _Status(rpmbuild.ROOT_FAILED) from problem
    _write(log, *(f'No match for group package "{name}"' for name in chosen.skipped))
    _write(log, *(f"Of the platform: {name}" for name in chosen.assumed), *(f"Installing: {n}" for n in chosen.nevras))
    lay_out(place.root, [repository / location for location in chosen.locations])
    _write(attempt.output / "state.log", "build root ready")


def _must_be_possible(attempt: Attempt, log: Path, name: str, group: list[str] | None) -> None:
    """Raise `_Status` 30 for a group that the repository does not have, with dnf's words, or a fault asked for."""
    if group is None:
        _write(log, f"Module or Group '{name}' is not available.", "Error: Nothing to do.")
        raise _Status(rpmbuild.ROOT_FAILED)
    if attempt.injected.fail_root:
        _write(log, "No matching package to install: 'a-failure-that-was-asked-for'")
        raise _Status(rpmbuild.ROOT_FAILED)


def _make_rpms(attempt: Attempt, place: rpmbuild.Workplace, srpm: Path, package: Package) -> tuple[Path, list[Path]]:
    if attempt.injected.fail:
        _write(place.runner.log, "error: this failure was asked for")
        raise _Status(rpmbuild.BUILD_FAILED)
    really = not attempt.settings.simulate or any(
        fnmatchcase(package.name, glob) for glob in attempt.settings.always_build
    )
    make = rpmbuild.build_rpms if really else simulate.simulate_rpms
    made = make(place, srpm, attempt.task.label or attempt.task.arch)
    _write(attempt.output / "state.log", f"built {len(made[1])} packages")
    return made


def _root_arch(connection: Connection, root: _Root) -> str:
    """The arch of the repository for a label; noarch builds take the host's own arch where the tag has it."""
    if root.label != "noarch":
        return str(koji.canonArch(root.label))
    arches = facts.canonical_arches(connection, root.tag_id)
    if not arches:
        raise koji.BuildError(f"No arch list for tag: {lookup.must_find(connection, 'tags', root.tag_id)['name']}")
    return platform.machine() if platform.machine() in arches else arches[0]


def _write(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
