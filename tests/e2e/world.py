"""A whole running service, and what a story does with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import koji
import pytest
import requests

from devhub.examples import publish
from mbs.modulemd.reader import read_stream
from mbs.registry import ModuleBuildRow
from tools.stack import manager, supervisor
from tools.stack.client import FollowedBuild, RunningStack, Task
from tools.stack.services import services

SPEC = """\
Name: {name}
Version: 1
Release: 1%{{?dist}}
Summary: A package of a test
License: MIT
{requires}
%description
A package of a test.
%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo {name} > %{{buildroot}}/usr/share/{name}/name
%files
/usr/share/{name}
"""

OPEN = {koji.TASK_STATES[name] for name in ("FREE", "OPEN", "ASSIGNED")}

NEWEST = {"order": "-id", "limit": 1000}
"""Which tasks are looked through: a hub that was here before the stories has others, too."""

STREAM = "1"
"""Of every module that is built here."""

MODULE = """\
document: modulemd
version: 2
data:
  name: {name}
  stream: "1"
  summary: A module of a test
  description: A module of a test
  license: {{module: [MIT]}}
  dependencies:
    - buildrequires: {{platform: [f40]}}
      requires: {{platform: [f40]}}
{components}"""


class World(RunningStack):
    """The running service, and what stories do with it beside submitting and following."""

    @cached_property
    def admin(self) -> Any:
        """A session of the hub's administrator."""
        account = self.layout.hub.admin
        session = koji.ClientSession(self.layout.hub.url, {"user": account.user, "password": account.password})
        session.login()
        return session

    @cached_property
    def takes_faults(self) -> bool:
        """Whether the hub is a devhub whose administrator we are."""
        if not self.layout.hub.admin.user:
            return False
        try:
            self.admin.callMethod("devhub.faults")
        except koji.GenericError:
            return False
        return True

    def packages(self, *names: str, requires: Mapping[str, str] | None = None) -> None:
        """Make git repositories of tiny packages; `requires` names a BuildRequires of some."""
        with tempfile.TemporaryDirectory() as scratch:
            for name in names:
                directory = Path(scratch, "rpms", name)
                directory.mkdir(parents=True)
                wanted = (requires or {}).get(name)
                line = f"BuildRequires: {wanted}" if wanted else ""
                (directory / f"{name}.spec").write_text(SPEC.format(name=name, requires=line))
            publish(Path(scratch), self.layout.examples)

    def repository(self, name: str, document: str) -> str:
        """Make a git repository of a module, with this document on its branch, and give the SCM URL of the commit."""
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch, "modules", name)
            directory.mkdir(parents=True)
            (directory / f"{name}.yaml").write_text(document)
            publish(Path(scratch), self.layout.examples)
        return self.commit(name, STREAM)

    def paste(self, document: str) -> FollowedBuild:
        """Paste a document into the form, and give its build when its DAG runs."""
        return self.submit({"modulemd": document})

    def submit_commit(self, scmurl: str) -> FollowedBuild:
        """Submit a commit through the form, again if need be, and give its build when its DAG runs."""
        return self.submit({"scmurl": scmurl, "branch": STREAM})

    def ends(self, build: FollowedBuild, seconds: float = 240) -> str:
        """Wait for the end of a module build's run and give its state."""
        return str(self.api.wait(build.dag_id, build.run_id, seconds)["state"])

    def tasks(self, build: FollowedBuild) -> dict[str, Task]:
        """Give the tasks of a build."""
        return self.api.tasks(build.dag_id, build.run_id)

    def states(self, build: FollowedBuild) -> dict[str, str | None]:
        """Give the states of the tasks of a build."""
        return {name: task.state for name, task in self.tasks(build).items()}

    def row(self, build: FollowedBuild) -> ModuleBuildRow:
        """Give a build as the registry has it."""
        return self.registry.builds.get(build.build_id)

    def reaches(self, build: FollowedBuild, task_id: str, *states: str, seconds: float = 120) -> None:
        """Wait until a task is in one of these states."""
        self.api.until(
            lambda: self.states(build).get(task_id) in states, f"{task_id} to be {' or '.join(states)}", seconds
        )

    @contextmanager
    def fault(self, name: str, value: object) -> Iterator[None]:
        """Switch on a fault of devhub for a while."""
        self.admin.callMethod("devhub.setFault", name, value)
        try:
            yield
        finally:
            self._end_fault(name)

    def _end_fault(self, name: str) -> None:
        """Switch a fault off, which may itself be what loses the answer; then the hub's next one is clear."""
        for _ in range(20):
            with suppress(koji.GenericError, requests.RequestException):
                self.__dict__.pop("admin", None)
                self.admin.callMethod("devhub.setFault", name, None)
                return
        pytest.fail(f"The fault {name} cannot be switched off.")

    def build_tasks(self, build: FollowedBuild) -> list[dict[str, Any]]:
        """Give the Koji build tasks of a module build, macros included."""
        tasks: list[dict[str, Any]] = self.hub.listTasks({"method": "build", "decode": True}, NEWEST)
        return [task for task in tasks if task["request"][1] == build.plan.target]

    def most_arch_builds(self, builds: Iterable[FollowedBuild]) -> int:
        """Give how many arch builds of module builds Koji has had at the same time, from creation to end."""
        parents = {task["id"] for build in builds for task in self.build_tasks(build)}
        tasks = self.hub.listTasks({"method": "buildArch"}, NEWEST)
        ours = [task for task in tasks if task["parent"] in parents]
        begun = [(task["create_ts"], 1) for task in ours]
        ended = [(task["completion_ts"], -1) for task in ours]
        return max(accumulate(change for _, change in sorted(begun + ended)))

    def open_sources(self, build: FollowedBuild) -> str:
        """Give the sources of a module build's Koji builds that have not ended, one a line."""
        return "\n".join(task["request"][0] for task in self.build_tasks(build) if task["state"] in OPEN)

    def is_in_koji(self, build: FollowedBuild, package: str, seconds: float = 180) -> None:
        """Wait until Koji builds a package of a module build."""
        self.api.until(lambda: f"/{package}" in self.open_sources(build), f"Koji to build {package}", seconds)

    def published(self, build: FollowedBuild, name: str, arch: str = "x86_64") -> set[str]:
        """Give the names of the RPMs in a final document of a module build: the module's own, or its -devel twin's."""
        [text] = [
            row.text for row in self.registry.documents.final(build.build_id) if (row.name, row.arch) == (name, arch)
        ]
        return {nevra.rsplit("-", 2)[0] for nevra in read_stream(text).rpm_artifacts}

    def delete_run(self, build: FollowedBuild) -> None:
        """Delete a run, as a person does in the UI."""
        self.api.call("DELETE", f"dags/{build.dag_id}/dagRuns/{quote(build.run_id)}")

    def kill(self, *names: str) -> None:
        """Kill processes of the stack and nothing below them, and wait until each is started again."""
        before = {name: manager.status(self.layout)[name].restarts for name in names}
        for process in [supervisor.process(self.layout, name) for name in names]:
            process.kill()
        self.api.until(lambda: self._restarted(before), f"the restart of {', '.join(names)}")

    def _restarted(self, before: Mapping[str, int]) -> bool:
        now = manager.status(self.layout)
        return all(now[name].restarts > count for name, count in before.items())

    def becomes_ready(self, seconds: float = 240) -> None:
        """Wait until every process of the stack is ready."""
        self.api.until(
            lambda: {each.state for each in manager.status(self.layout).values()} == {"ready"}, "all parts", seconds
        )

    def start(self, name: str) -> None:
        """Start a process of the stack and wait until it is ready."""
        [service] = [service for service in services(self.layout) if service.name == name]
        supervisor.start(self.layout, name)
        manager.await_ready(self.layout, service, lambda _: None)

    @contextmanager
    def pool(self, slots: int) -> Iterator[None]:
        """Allow another number of arch builds in Koji for a while."""
        usual = self.api.call("GET", "pools/koji_builds")["slots"]
        self.resize_pool(slots)
        try:
            yield
        finally:
            self.resize_pool(usual)


def module(name: str, components: Mapping[str, Mapping[str, object]], modules: Sequence[str] = ()) -> str:
    """Write a modulemd with these components, by name with their fields."""
    lines = ["  components:"] if components or modules else []
    lines += ["    rpms:"] if components else []
    for component, fields in components.items():
        lines += [f"      {component}:", "        rationale: A test", "        ref: main"]
        lines += [f"        {field}: {value}" for field, value in fields.items()]
    lines += ["    modules:"] if modules else []
    for included in modules:
        lines += [f"      {included}:", "        rationale: A test", "        ref: main"]
    return MODULE.format(name=name, components="\n".join(lines) + "\n")
