"""How often a module build of many components asks a real hub: by component twice to tag it, and little more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from mbs.koji.content_generator import import_module, tag_for_compose
from mbs.koji.facts import KojiFacts
from mbs.koji.session import HubAccount, HubSession
from mbs.koji.tags import ensure_tags
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.publish.documents import FinalDocuments
from mbs.publish.metadata import Host, ModuleFacts, cg_metadata, output_files
from mbs.registry import Allocation, Registry
from mbs.registry.rows import Finished
from mbs.steps import AwaitRepo
from mbs.steps.gate import Gate, pass_gate
from tests.conftest import RunningHub, record
from tests.counting import Counted

NAMES = tuple(f"c{number:02}" for number in range(20))


@pytest.fixture
def hub(running_hub: RunningHub) -> Iterator[Counted]:
    with Counted(HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")) as session:
        yield session


@pytest.fixture
def plan(registry: Registry, example_plan: BuildPlan) -> BuildPlan:
    """A module build of twenty components, all in batch 1 but the last, which is built on them."""
    tag = f"module-{uuid.uuid4().hex}"
    model = example_plan.components[0]
    parts = [replace(model, name=name, batch=1, arches=example_plan.arches) for name in NAMES]

    def plan_for(allocation: Allocation) -> BuildPlan:
        return replace(
            example_plan,
            build_id=allocation.build_id,
            koji_tag=tag,
            build_tag=f"{tag}-build",
            target=tag,
            packages=(*NAMES, "last"),
            components=(*parts, replace(model, name="last", batch=2, arches=example_plan.arches)),
            tag_permission=None,
            dependencies=(),
        )

    recorded = record(registry, replace(example_plan.nsvc, context=uuid.uuid4().hex[:8]), plan_for)
    return registry.documents.plan(recorded.build.id)


def import_builds(hub: HubSession, plan: BuildPlan, names: Iterable[str]) -> dict[str, str]:
    """Have Koji complete builds of packages; gives their NVRs."""
    documents = FinalDocuments("any", "all\n", ())
    files = output_files(documents, (), source_modulemd="", build_log="log\n")
    for name in names:
        facts = ModuleFacts(plan.build_id, "1", 20, "c0ffee00", "1", plan.dist, plan.koji_tag, None, None, 10, 20)
        metadata = cg_metadata(name, facts, Host("x86_64", "Fedora 40", "0.1", {}), files, "all\n")
        import_module(hub, f"{name}-1-{plan.dist}", plan.build_id, f"mbs/{plan.build_id}-{name}", files, metadata)
    return {name: f"{name}-1-{plan.dist}" for name in names}


def test_tags_are_made_in_few_requests(hub: Counted, plan: BuildPlan) -> None:
    ensure_tags(hub, plan)
    packages = len(plan.packages)
    assert hub.calls["packageListAdd"] == 2 * packages + 1, "the build tag lists the macros too"
    assert hub.calls.total() - hub.calls["packageListAdd"] < 35
    assert hub.requests == 3
    hub.forget_counts()
    ensure_tags(hub, plan)
    assert hub.calls["packageListAdd"] == hub.calls["createTag"] == 0


def test_a_gate_tags_each_build_twice_and_asks_for_little_else(
    hub: Counted, plan: BuildPlan, registry: Registry
) -> None:
    ensure_tags(hub, plan)
    nvrs = import_builds(hub, plan, NAMES)
    registry.components.finish(
        plan.build_id, {name: Finished(ComponentState.COMPLETE, nvr) for name, nvr in nvrs.items()}
    )
    told: list[str] = []
    hub.forget_counts()
    assert isinstance(pass_gate(hub, registry, Gate(plan, NAMES), told.append), AwaitRepo)
    assert told[0] == f"Tagged into {plan.build_tag}: {', '.join(nvrs.values())}."
    assert hub.calls == {"tagBuildBypass": 40, "listTagged": 4, "tagLastChangeEvent": 2, "repo.request": 1}
    assert hub.requests == 4
    hub.forget_counts()
    pass_gate(hub, registry, Gate(plan, NAMES), told.append)  # the repository may be there meanwhile
    assert hub.calls == {"listTagged": 2, "tagLastChangeEvent": 1, "repo.request": 1}
    assert hub.requests == 2


def test_the_gate_of_the_macros_has_them_installed_in_every_build_root(
    hub: Counted, plan: BuildPlan, registry: Registry
) -> None:
    ensure_tags(hub, plan)
    nvrs = import_builds(hub, plan, [MACROS])
    end = Finished(ComponentState.COMPLETE, nvrs[MACROS])
    registry.components.finish(plan.build_id, {MACROS: end})
    hub.forget_counts()
    pass_gate(hub, registry, Gate(plan, macros=True), print)
    assert hub.calls["groupPackageListAdd"] == 2
    assert hub.requests == 4
    assert {row["nvr"] for row in hub.call("listTagged", plan.build_tag)} == {nvrs[MACROS]}
    assert hub.call("listTagged", plan.koji_tag) == []
    groups = {row["name"]: row["packagelist"] for row in hub.call("getTagGroups", plan.build_tag)}
    assert all({"module-build-macros"} == {one["package"] for one in groups[name]} for name in ("build", "srpm-build"))


def test_planning_asks_for_each_tag_once(hub: Counted) -> None:
    facts = KojiFacts(hub)
    assert facts.tag_arches(["nowhere"]) == {}
    assert facts.absent_tags(["nowhere", "nowhere-else"]) == {"nowhere", "nowhere-else"}
    assert hub.calls == {"getTag": 2}


def test_a_module_is_tagged_for_the_compose_in_two_requests_and_looked_for_in_one(
    hub: Counted, plan: BuildPlan
) -> None:
    (nvr,) = import_builds(hub, plan, ["module"]).values()
    candidates = [f"{plan.koji_tag}-{name}" for name in ("absent", "first", "second")]
    for tag in candidates[1:]:
        hub.call("createTag", tag)
    for requests in (2, 1):
        hub.forget_counts()
        assert tag_for_compose(hub, nvr, candidates, "mbs") == candidates[1]
        assert hub.requests == requests
    assert [row["nvr"] for row in hub.call("listTagged", candidates[1])] == [nvr]
    assert tag_for_compose(hub, nvr, candidates[:1], "mbs") is None
