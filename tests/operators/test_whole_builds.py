"""Whole module builds, from git to the compose's tag, over a real hub and registry: publish, reuse, resume, depend."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import BaseOperator
from msgspec.structs import replace

from devhub.examples import publish
from mbs.koji.facts import KojiFacts
from mbs.koji.session import HubAccount, HubSession
from mbs.model.errors import Conflict
from mbs.model.plan import BuildPlan
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import imported
from mbs.planning.graph import Kind, graph
from mbs.planning.ids import MARK_READY, NOTE
from mbs.publish.log import build_log
from mbs.registry import ComponentState, ModuleState, Registry, engine_for
from mbs.settings import Settings
from mbs.steps.macros import colliding_rpms, filtered_rpms
from mbs.steps.publish import publish as publish_steps
from mbs.steps.reuse import REASON, UNNEEDED_MACROS
from mbs.steps.submit import submit
from operators.graph import OPERATORS, specific
from operators.hooks import READY_MODULES, settings
from operators.tasks.prepare import CreateTagOperator
from operators.tasks.publish import FinalModulemdOperator, ImportBuildOperator, MarkReadyOperator
from operators.tasks.upkeep import RebuildDependantsOperator
from tests.conftest import RunningHub
from tests.operators.conftest import AirflowRun

EXAMPLES = Path(__file__).parents[2] / "examples"
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
BATCHES = {1: {"greeter-macros", "phrasebook"}, 2: {"libgreet"}, 3: {"greet", "cpu-greet"}}
ALL = frozenset(name for names in BATCHES.values() for name in names)


@dataclass
class Service:
    """The service without Airflow: submits from git, runs the tasks of a build in their order."""

    registry: Registry
    hub: HubSession
    running_hub: RunningHub
    directory: Path
    greeter: BuildPlan | None = None
    stream: str = field(default_factory=lambda: f"s{uuid.uuid4().hex[:8]}")
    """Of this test only: the tests share the hub."""
    events: list[Mapping[str, Any]] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    """What the run of a ready module build says, by its number."""

    @property
    def settings(self) -> Settings:
        git = f"file://{self.directory}/git"
        return Settings(
            scmurls=(f"{git}/modules/",),
            allow_local_scmurls=True,
            rpms_default_repository=f"{git}/rpms/",
            default_branch="main",
            modules_allow_scratch=True,
            rebuild_strategy_allow_override=True,
            koji_tag_permission="",
        )

    def changed(self, package: str) -> Mapping[str, str]:
        """Make a commit beside the main branch of a package; gives the override that builds it."""
        git = ["git", "-C", str(self.directory / "git" / "rpms" / package), *IDENTITY]
        commit = [*git, "commit-tree", "main^{tree}", "-p", "main", "-m", "Change it"]
        ref = subprocess.run(commit, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run([*git, "update-ref", "refs/heads/changed", ref], check=True)
        return {package: "changed"}

    def submit(self, module: str = "greeter", **options: Any) -> BuildPlan:
        """Submit what is committed now."""
        url = publish(self.directory / "examples", self.directory / "git")[f"modules/{module}"]
        repository = url.removeprefix("file://").partition("?")[0]
        subprocess.run(["git", "-C", repository, "branch", "--force", self.stream, "main"], check=True)
        data = {"scmurl": url, "branch": self.stream, **options}
        done = submit(data, "alice", registry=self.registry, settings=self.settings, hub=KojiFacts(self.hub))
        return self.registry.documents.plan(done[0].build.id)

    def rebuild(self, **options: Any) -> BuildPlan:
        """Submit a new version of the module."""
        with (self.directory / "examples/modules/greeter/greeter.yaml").open("a") as file:
            file.write("# again\n")
        return self.submit(**options)

    def build(self, plan: BuildPlan) -> AirflowRun:
        """Run all tasks of a build; stops where one fails, as Airflow would."""
        run = AirflowRun()
        for node in graph(plan):
            if node.kind is Kind.RECORD_FAILURE and "failed" not in run.states.values():
                continue
            if "failed" not in run.states.values() or node.kind is Kind.RECORD_FAILURE:
                self.run(run, OPERATORS[node.kind](task_id=node.task_id, plan=plan, **specific(node)))
        return run

    def run(self, run: AirflowRun, task: BaseOperator) -> str:
        run.outlet_events = {asset: SimpleNamespace(extra={}) for asset in task.outlets}
        state = run.finish(task)
        if state == "success":
            self.events += [{"asset": asset.name, **event.extra} for asset, event in run.outlet_events.items()]
        return state

    def ready(self, plan: BuildPlan) -> BuildPlan:
        run = self.build(plan)
        assert not run.errors
        self.notes[plan.build_id] = run.xcoms[MARK_READY, NOTE]
        assert self.registry.builds.get(plan.build_id).state is (
            ModuleState.DONE if plan.scratch else ModuleState.READY
        )
        return plan

    def reused(self, plan: BuildPlan) -> set[str]:
        rows = self.registry.components.of(plan.build_id)
        assert all(row.state is ComponentState.COMPLETE for row in rows)
        return {row.name for row in rows if row.reason == REASON}

    def calls(self, work: Callable[[], object]) -> Counter[str]:
        """Count the hub's calls while something is done."""
        before = Counter(self.running_hub.counts())
        work()
        return Counter(self.running_hub.counts()) - before


@pytest.fixture(scope="module")
def shared(
    postgres_url: Callable[[], str], running_hub: RunningHub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One service for all tests: a first build of the example takes longest, and most tests begin with it."""
    directory = tmp_path_factory.mktemp("whole")
    shutil.copytree(EXAMPLES, directory / "examples")
    engine = engine_for(postgres_url())
    registry = Registry(engine)
    platform = read_stream((EXAMPLES / "platform" / "platform.yaml").read_text())
    registry.import_modules([imported(platform, ("platform",))], base_module_names=("platform",))
    account = HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")
    with HubSession(account) as hub:
        yield Service(registry, hub, running_hub, directory)
    engine.dispose()


@pytest.fixture
def service(shared: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The shared service, behind this test's connections of Airflow."""
    url = shared.registry.engine.url
    place = {"host": url.host or url.query["host"], "port": url.port, "schema": url.database}
    connection = {"conn_type": "postgres", "login": url.username, "password": url.password, **place}
    monkeypatch.setenv("AIRFLOW_CONN_MBS_REGISTRY", json.dumps(connection))
    return shared


@pytest.fixture
def greeter(service: Service) -> BuildPlan:
    """A ready build of the example, the same for all tests."""
    if service.greeter is None:
        service.greeter = service.ready(service.submit())
    return service.greeter


def test_a_finished_module_is_in_koji_as_a_compose_expects_it(service: Service, greeter: BuildPlan) -> None:
    plan = greeter
    nvr = f"greeter-{service.stream}-{plan.publication.release}"
    tagged = service.hub.call("listTagged", "f40-modular-updates-candidate", type="module")
    assert {nvr, nvr.replace("greeter-", "greeter-devel-", 1)} <= {build["nvr"] for build in tagged}
    module = service.hub.call("getBuild", nvr)["extra"]["typeinfo"]["module"]
    assert module["content_koji_tag"] == plan.koji_tag
    assert read_stream(module["modulemd_str"]).stream == service.stream
    for archive in service.hub.call("listArchives", buildID=service.hub.call("getBuild", nvr)["id"]):
        assert archive["btype"] == "module"
    documents = {
        row.arch: read_stream(row.text)
        for row in service.registry.documents.final(plan.build_id)
        if row.name == "greeter"
    }
    assert set(documents) == {"noarch", "aarch64", "x86_64"}
    names = {nevra.rsplit("-", 2)[0] for nevra in documents["x86_64"].rpm_artifacts}
    assert {"greet", "libgreet", "cpu-greet"} <= names
    assert "greet-selftest" not in names
    assert {"asset": f"greeter:{service.stream}", "nsvc": str(plan.nsvc), "build_id": plan.build_id} in service.events


def test_an_unchanged_module_is_rebuilt_without_a_build_and_without_a_repository(
    service: Service, greeter: BuildPlan
) -> None:
    second = service.rebuild(reuse_components_from=greeter.build_id)
    calls = service.calls(lambda: service.ready(second))
    assert service.reused(second) == ALL
    assert (calls["build"], calls["repo.request"]) == (0, 0)
    nvrs = [{row.name: row.nvr for row in service.registry.components.of(plan.build_id)} for plan in (greeter, second)]
    assert all(nvrs[0][name] == nvrs[1][name] for name in ALL)
    assert {row.reason for row in service.registry.components.of(second.build_id)} == {REASON, UNNEEDED_MACROS}
    tagged = service.hub.call("listTagged", second.koji_tag)
    assert {build["package_name"] for build in tagged} == ALL
    [reused] = [line for line in service.notes[second.build_id].splitlines() if line.startswith("* Reused: ")]
    assert set(reused.removeprefix("* Reused: ").split(", ")) == ALL


def test_a_run_that_ends_well_says_what_was_built_imported_and_tagged(service: Service, greeter: BuildPlan) -> None:
    note = service.notes[greeter.build_id]
    nvr = f"greeter-{service.stream}-{greeter.publication.release}"
    assert note.startswith(f"{greeter.nsvc} is ready.\n\n* RPMs: ")
    assert all(re.search(rf"\d+ {arch}\b", note) for arch in ("aarch64", "noarch", "src", "x86_64"))
    assert f"* Koji tag: `{greeter.koji_tag}`" in note
    assert f"`{nvr}` in `f40-modular-updates-candidate`" in note
    assert all(name in note for name in ALL)
    assert "Reused" not in note


@pytest.mark.parametrize(
    ("strategy", "reused", "repositories"),
    [("changed-and-after", BATCHES[1], 2), ("only-changed", ALL - {"libgreet"}, 1), ("all", frozenset(), 3)],
)
def test_each_strategy_builds_exactly_what_it_should(
    service: Service, greeter: BuildPlan, strategy: str, reused: set[str], repositories: int
) -> None:
    options = {} if strategy == "all" else {"reuse_components_from": greeter.build_id}
    changes = service.changed("libgreet")
    plan = service.rebuild(rebuild_strategy=strategy, rpm_component_ref_overrides=changes, **options)
    calls = service.calls(lambda: service.ready(plan))
    assert service.reused(plan) == reused
    assert calls["build"] == len(ALL - reused) + 1  # the macros
    assert calls["repo.request"] == repositories


class Killed(BaseException):
    """The process is gone."""


@dataclass
class MortalHub:
    """A hub whose caller dies right before or right after a call."""

    hub: Any
    calls_left: int
    after: bool

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.hub, name)

        def once(*args: Any, **kwargs: Any) -> Any:
            self.calls_left -= 1
            if self.calls_left < 0 and not self.after:
                raise Killed
            answer = method(*args, **kwargs)
            if self.calls_left < 0:
                raise Killed
            return answer

        return once


@pytest.mark.parametrize("after", [False, True])
def test_publishing_that_is_killed_at_any_call_converges(service: Service, greeter: BuildPlan, after: bool) -> None:
    """A build of Koji with the same content, under a name that is not imported yet."""
    nsvc = replace(greeter.nsvc, context=f"dead{after:04d}")
    release = f"{nsvc.version}.{nsvc.context}"
    plan = replace(greeter, nsvc=nsvc, publication=replace(greeter.publication, release=release))
    kills, done = 0, None
    while done is None:
        try:
            done = publish_steps(MortalHub(service.hub, kills, after), service.registry, plan)
        except Killed:
            kills += 1
    assert kills > 10
    assert {build.tag for build in done} == {"f40-modular-updates-candidate"}
    tagged = [build["nvr"] for build in service.hub.call("listTagged", "f40-modular-updates-candidate", type="module")]
    assert [tagged.count(build.nvr) for build in done] == [1, 1]


def test_publishing_again_changes_nothing(service: Service, greeter: BuildPlan) -> None:
    run = AirflowRun()
    for operator in (FinalModulemdOperator, ImportBuildOperator, MarkReadyOperator):
        task = operator(task_id=operator.__name__, plan=greeter)
        calls = service.calls(partial(service.run, run, task))
        assert not run.errors
        assert not {"CGImport", "tagBuildBypass", "packageListAdd"} & calls.keys()
        rpms, _ = service.hub.call("listTaggedRPMS", greeter.koji_tag)
        assert calls["getRPMHeaders"] == (len(rpms) if operator is FinalModulemdOperator else 0)
    assert service.registry.builds.get(greeter.build_id).state is ModuleState.READY


def test_a_scratch_build_ends_in_done_and_is_not_imported(service: Service, greeter: BuildPlan) -> None:
    events = len(service.events)
    first = service.submit(scratch=True, reuse_components_from=greeter.build_id)
    second = service.submit(scratch=True, reuse_components_from=greeter.build_id)
    assert (first.nsvc.context, second.nsvc.context) == (f"{greeter.nsvc.context}_1", f"{greeter.nsvc.context}_2")
    service.ready(second)
    assert service.reused(second) == ALL
    assert service.hub.call("getBuild", f"greeter-{service.stream}-{second.publication.release}") is None
    assert len(service.events) == events


def test_a_second_module_is_built_with_the_first_without_what_that_filters_and_again_with_its_next_build(
    service: Service, greeter: BuildPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = service.directory / "examples/modules/salute/salute.yaml"
    document.write_text(document.read_text().replace('greeter: ["1"]', f'greeter: ["{service.stream}"]'))
    plan = service.submit("salute")
    entries = filtered_rpms(service.hub, service.registry, plan)
    (filtered,) = entries["greeter"]
    assert filtered.startswith("greet-selftest-0:")
    assert (entries["platform"], colliding_rpms(service.hub, plan.dependencies)) == ([], [])
    before = replace(plan, dependencies=tuple(replace(one, rpm_filter=None) for one in plan.dependencies))
    assert filtered_rpms(service.hub, service.registry, before) == entries, "a plan that does not say it"
    service.ready(plan)
    assert {build["package_name"] for build in service.hub.call("listTagged", plan.koji_tag)} == {"salute"}
    again = service.ready(service.rebuild(reuse_components_from=greeter.build_id))
    invented = replace(again, nsvc=replace(again.nsvc, version=again.nsvc.version + 1))
    assert rebuilt_because_of(service, invented, monkeypatch) == [], "an event of a build that there is not"
    assert rebuilt_because_of(service, again, monkeypatch) == [str(plan.nsvc)]
    assert rebuilt_because_of(service, again, monkeypatch) == [], "it is being built already"
    (entry,) = [entry for entry in service.registry.builds.unfinished() if entry.nsvc.name == "salute"]
    rebuild = service.registry.documents.plan(entry.build_id)
    assert [one.version for one in rebuild.dependencies if one.name == "greeter"] == [again.nsvc.version]
    assert [one.ref for one in rebuild.components] == [one.ref for one in plan.components]
    assert rebuild.owner == plan.owner


def rebuilt_because_of(service: Service, ready: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("rpms_default_repository", "allow_local_scmurls", "default_branch", "koji_tag_permission"):
        monkeypatch.setenv(f"AIRFLOW__MBS__{name.upper()}", str(getattr(service.settings, name)))
    settings.cache_clear()
    event = SimpleNamespace(extra={"nsvc": str(ready.nsvc)})
    operator = RebuildDependantsOperator(task_id="submit")
    run = SimpleNamespace(dag_id="rebuild_dependants", run_id=uuid.uuid4().hex)
    return operator.execute(cast("Any", {"triggering_asset_events": {READY_MODULES: [event]}, "dag_run": run}))


def test_a_failed_build_that_is_submitted_again_keeps_what_is_complete(service: Service) -> None:
    options: dict[str, Any] = {"rebuild_strategy": "all", "rpm_component_ref_overrides": service.changed("greet")}
    plan = service.rebuild(**options)
    service.running_hub.set_fault("build_faults", [{"kind": "fail", "package": "libgreet"}])
    service.build(plan)
    service.running_hub.set_fault("build_faults", None)
    failed = service.registry.builds.get(plan.build_id)
    assert (failed.state, failed.time_restarted) == (ModuleState.FAILED, None)
    again = service.submit(**options)
    assert again == plan
    resumed = service.registry.builds.get(plan.build_id)
    assert (resumed.state, resumed.state_reason) == (ModuleState.WAIT, "Resubmitted by alice")
    (entry,) = [entry for entry in service.registry.builds.unfinished() if entry.build_id == plan.build_id]
    assert entry.time_restarted == resumed.time_restarted is not None
    calls = service.calls(lambda: service.ready(plan))
    assert calls["build"] == 3
    with pytest.raises(Conflict, match="already exists"):
        service.submit(**options)


@pytest.mark.usefixtures("greeter")
def test_a_build_that_was_stopped_is_taken_up_by_a_later_run_only(service: Service) -> None:
    plan = service.rebuild()
    before = AirflowRun()
    service.registry.builds.transition(plan.build_id, ModuleState.FAILED, "It was stuck", "upkeep")
    task = CreateTagOperator(task_id="create_tag", plan=plan)
    assert service.run(before, task) == "failed"
    assert before.errors["create_tag"] == "The module build was stopped: It was stuck"
    assert service.run(AirflowRun(), task) == "success"
    assert service.registry.builds.get(plan.build_id).state is ModuleState.BUILD


def test_the_log_that_is_imported_tells_what_became_of_every_component(service: Service, greeter: BuildPlan) -> None:
    nvr = f"greeter-{service.stream}-{greeter.publication.release}"
    build_id = service.hub.call("getBuild", nvr)["id"]
    names = {archive["filename"] for archive in service.hub.call("listArchives", buildID=build_id)}
    arches = {f"modulemd.{arch}.txt" for arch in greeter.arches}
    assert names == {"modulemd.txt", "modulemd.src.txt", *arches}
    rows = service.registry.components.of(greeter.build_id)
    log = build_log(greeter, service.registry.builds.trace(greeter.build_id), rows, ())
    assert f"Module build {greeter.build_id}: {greeter.nsvc}" in log
    assert all(f"{row.name} COMPLETE {row.nvr}" in log for row in rows)
