"""A hub without its wire: the database, the files tree and a running daemon, fed through the hub's own functions."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from devhub import builds, events, faults, groups, listing, lookup, packages, repos, tags, tasks
from devhub.daemon import Daemon, injected
from devhub.database import Connection, Database
from devhub.examples import publish
from devhub.settings import Settings

T = TypeVar("T")
PATIENCE = 90.0  # seconds until a test gives up on a task
OPEN = {"build_from_srpm": True, "build_from_repo_id": True}
EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass
class Hub:
    """What a test does with a hub; ids are those of the database."""

    state: Path
    urls: dict[str, str]
    database: Database
    options: dict[str, Any] = field(default_factory=dict)
    daemon: Daemon | None = None

    def start(self, builders: int = 2, policy: dict[str, bool] | None = None, **options: object) -> None:
        seed = {"policy": OPEN if policy is None else policy}
        settings = Settings(state=self.state, builders=builders, seed=seed, builder_options={"poll": 0.02, **options})
        self.daemon = Daemon(self.database, settings)
        self.daemon.start()

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None

    @property
    def files(self) -> Path:
        return self.state / "files"

    @property
    def reader(self) -> Connection:
        return self.database.reader()

    def build(self, package: str, target: str = "module", **options: object) -> int:
        source = self.urls.get(f"rpms/{package}", package)
        with self.database.transaction() as connection:
            return tasks.create(connection, "build", [source, target, {"skip_tag": True, **options}], owner=1)

    def wait(self, task_id: int) -> tasks.Task:
        return self.wait_until(lambda: self._finished(task_id))

    def wait_until(self, look: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.02)
        raise AssertionError("nothing came of it")

    def ready(self, package: str, **options: object) -> dict[str, Any]:
        """Build a package and tag it into the build tag; answers getBuild's struct."""
        task = self.wait(self.build(package, "module", **options))
        assert task.state == tasks.CLOSED, task.result
        made = self.build_of(task.id)
        self.tag(made["id"])
        return made

    def tag(self, build_id: int) -> None:
        with self.database.transaction() as connection:
            build_tag = tags.must_find(connection, "module-build")
            packages.add(connection, build_tag["id"], builds.must_find(connection, build_id)["name"], 1)
            listing.tag_build(connection, build_tag, build_id, 1)

    def repo(self, new: bool = False) -> dict[str, Any]:
        """A repository that contains all that is tagged now; `new` makes one though there may be one already."""
        with self.database.transaction() as connection:
            tag_id = tags.must_find(connection, "module-build")["id"]
            event = events.current(connection) if new else tags.last_change(connection, tag_id)
            wanted = repos.Wanted(tag_id, min_event=event)
            asked = repos.request(connection, wanted, owner=1)
        found = self.wait_until(lambda: repos.find(self.reader, wanted))
        assert asked["repo"] is None or asked["repo"]["id"] == found["id"]
        return found

    def children(self, task_id: int) -> dict[str, tasks.Task]:
        return {child.label or child.method: child for child in tasks.children(self.reader, task_id)}

    def build_of(self, task_id: int) -> dict[str, Any]:
        (row,) = self.reader.execute("SELECT id FROM builds WHERE task_id = ?", (task_id,)).fetchall()
        return builds.must_find(self.reader, row["id"])

    def upload(self, srpm: Path) -> str:
        """Put a file where an upload would be and answer the source that `build` takes."""
        place = self.files / "work" / "cli-build" / "upload"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(srpm, place)
        return f"cli-build/upload/{srpm.name}"

    def inject(self, **rule: object) -> None:
        with self.database.transaction() as connection:
            rules = faults.get(connection, injected.NAME, [])
            faults.put(connection, injected.NAME, [*rules, rule])

    def add_to_groups(self, package: str) -> None:
        with self.database.transaction() as connection:
            build_tag = tags.must_find(connection, "module-build")["id"]
            for group in ("build", "srpm-build"):
                groups.add_package(connection, build_tag, group, package, {})

    def target(self, name: str, *ends: str) -> None:
        with self.database.transaction() as connection:
            build_tag, dest_tag = (tags.must_find(connection, end)["id"] for end in ends)
            _target(connection, name, build_tag, dest_tag)

    def permission(self, name: str) -> int:
        with self.database.transaction() as connection:
            return lookup.find_or_create(connection, "permissions", name)

    def tagged(self, tag: str) -> list[str]:
        tag_id = tags.must_find(self.reader, tag)["id"]
        return [build["nvr"] for build in listing.tagged_builds(self.reader, tag_id, listing.Query())]

    def log_path(self, task_id: int, name: str) -> Path:
        return self.files / "work" / "tasks" / str(task_id) / str(task_id) / name

    def log(self, task_id: int, name: str) -> str:
        return self.log_path(task_id, name).read_text()

    def build_id(self, package: str) -> int:
        rows = self.reader.execute(
            "SELECT builds.id FROM builds JOIN packages ON packages.id = package_id WHERE name = ?", (package,)
        )
        return int(rows.fetchone()["id"])

    def request(self, request_id: int) -> dict[str, Any]:
        found = repos.get_request(self.reader, request_id)
        assert found is not None
        return found

    def repo_state(self, repo_id: int) -> int:
        return int(self.reader.execute("SELECT state FROM repos WHERE id = ?", (repo_id,)).fetchone()["state"])

    def rpms(self, build_id: int) -> set[str]:
        return {f"{row['name']}.{row['arch']}" for row in builds.rpms_of(self.reader, build_id)}

    def _finished(self, task_id: int) -> tasks.Task | None:
        task = tasks.get(self.reader, task_id)
        return task if task and task.finished else None


@pytest.fixture(scope="session")
def example_urls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return publish(EXAMPLES, tmp_path_factory.mktemp("git"))


@pytest.fixture
def hub(tmp_path: Path, example_urls: dict[str, str]) -> Iterator[Hub]:
    made = new_hub(tmp_path / "state", example_urls)
    yield made
    made.stop()
    shutil.rmtree(tmp_path)


class MakeSrpm(Protocol):
    """Writes a spec file with its sources, by name, and makes a source RPM of it, as a client does before an upload."""

    def __call__(self, name: str, body: str, version: str = "1", **sources: str) -> Path: ...


@pytest.fixture(scope="session")
def make_srpm(tmp_path_factory: pytest.TempPathFactory) -> MakeSrpm:
    """Give the function that makes a source RPM."""

    def make(name: str, body: str, version: str = "1", **sources: str) -> Path:
        place = tmp_path_factory.mktemp(name)
        declared = [f"Source{number}: {source}" for number, source in enumerate(sources)]
        head = [
            f"Name: {name}",
            f"Version: {version}",
            "Release: 1%{?dist}",
            "Summary: A test",
            "License: MIT",
            *declared,
        ]
        (place / f"{name}.spec").write_text("\n".join([*head, "%global debug_package %{nil}", body]))
        for source, text in sources.items():
            (place / source).write_text(text)
        define = [f"_topdir {place}", f"_sourcedir {place}"]
        options = [word for value in define for word in ("--define", value)]
        subprocess.run(["rpmbuild", "-bs", "--nodeps", *options, str(place / f"{name}.spec")], check=True)
        (srpm,) = (place / "SRPMS").iterdir()
        return srpm

    return make


def new_hub(state: Path, urls: dict[str, str]) -> Hub:
    (state / "files" / "work").mkdir(parents=True)
    database = Database.open(state / "hub.sqlite")
    with database.transaction() as connection:
        _seed(connection)
    return Hub(state, urls, database)


def _seed(connection: Connection) -> None:
    for name in ("mbs", "kojira", "one", "two"):
        connection.execute("INSERT INTO users (name) VALUES (?)", (name,))
    for name in ("default", "createrepo"):
        connection.execute("INSERT INTO channels (name) VALUES (?)", (name,))
    connection.execute("INSERT INTO btypes (name) VALUES ('rpm')")
    connection.execute("INSERT INTO hosts (user_id, name, arches) VALUES (3, 'one', 'x86_64'), (4, 'two', 'aarch64')")
    build_tag = tags.create(connection, "module-build", arches="x86_64 aarch64")
    dest_tag = tags.create(connection, "module")
    for group in ("build", "srpm-build"):
        groups.add(connection, build_tag, group, {})
        groups.add_package(connection, build_tag, group, "bash", {})
    _target(connection, "module", build_tag, dest_tag)


def _target(connection: Connection, name: str, build_tag: int, dest_tag: int) -> None:
    target = lookup.find_or_create(connection, "build_targets", name)
    events.insert(connection, "build_target_config", target_id=target, build_tag=build_tag, dest_tag=dest_tag)
