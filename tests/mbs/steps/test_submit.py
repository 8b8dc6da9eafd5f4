from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mbs.model.errors import Conflict, InvalidRequest, Unprocessable
from mbs.model.nsvc import NSVC
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import imported
from mbs.planning.hub import HubFacts
from mbs.registry import ModuleState, Outcome, Registry
from mbs.settings import Settings
from mbs.steps.submit import submit
from tests.conftest import record
from tests.mbs.planning.conftest import GTK, PLATFORM, FakeScm, Prepare, at_hand


@pytest.fixture
def filled(registry: Registry) -> Registry:
    for text in (PLATFORM, GTK.format(stream=1), GTK.format(stream=2)):
        registry.import_modules([imported(read_stream(text), ["platform"])], base_module_names=["platform"])
    return registry


def test_a_submission_is_recorded_whole(
    filled: Registry, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    recorded = submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)
    assert [one.outcome for one in recorded] == [Outcome.NEW, Outcome.NEW]
    for one in recorded:
        plan = filled.documents.plan(one.build.id)
        assert (plan.nsvc, plan.koji_tag) == (one.build.nsvc, one.build.koji_tag)
        assert read_stream(filled.documents.modulemd(one.build.id)).context == one.build.nsvc.context
        assert filled.documents.source_modulemd(one.build.id) == scm.text
        assert one.build.build_context is not None
        assert set(one.build.buildrequires) == {"gtk", "platform"}
    with pytest.raises(Conflict):
        submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)


def test_a_refused_submission_records_nothing(
    filled: Registry, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    before = filled.builds.find().total
    with pytest.raises(Unprocessable):
        submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=replace(permissive, max_builds=1))
    assert filled.builds.find().total == before


def test_a_buildrequire_must_have_all_its_contexts_built(
    filled: Registry, prepared: Prepare, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    siblings = [NSVC("gtk", stream, 20180101000000, "other") for stream in ("1", "2")]
    for sibling in siblings:
        recorded = record(filled, sibling, replace(prepared(scm_data).builds[0], nsvc=sibling).make_plan)
    filled.builds.transition(recorded.build.id, ModuleState.BUILD, None, "task")
    before = filled.builds.find().total
    with pytest.raises(Unprocessable) as refused:
        submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)
    first, second = (problem.message for problem in refused.value.problems)
    assert first.startswith('Buildrequire gtk-1-20180101000000 is in "wait" state')
    assert second.startswith('Buildrequire gtk-2-20180101000000 is in "build" state')
    assert filled.builds.find().total == before

    for sibling in siblings:
        filled.builds.transition(filled.builds.get(sibling).id, ModuleState.FAILED, "It failed.", "task")
    assert len(submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)) == 2


def test_components_are_reused_from_a_ready_build_only(
    filled: Registry, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    def reuse(build: object) -> None:
        data = scm_data | {"reuse_components_from": build}
        submit(data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)

    with pytest.raises(InvalidRequest, match="could not be found"):
        reuse(999)
    first = submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)[0].build
    with pytest.raises(InvalidRequest, match="must be in the ready state"):
        reuse(str(first.nsvc))


def test_the_reused_build_is_part_of_plan_and_row(
    filled: Registry, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    ready = filled.builds.find().items[0]
    data = scm_data | {"reuse_components_from": ready.id}
    build = submit(data, "pat", registry=filled, planner=at_hand(scm), settings=permissive)[0].build
    assert build.reuse_from_id == ready.id
    assert filled.documents.plan(build.id).reuse_from == ready.nsvc


def test_a_module_that_would_be_tagged_nowhere_is_refused(
    filled: Registry, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    before = filled.builds.find().total
    both = frozenset({"f28-modular-updates-candidate", "modular-updates-candidate"})
    with pytest.raises(Unprocessable) as refused:
        submit(scm_data, "pat", registry=filled, planner=at_hand(scm), settings=permissive, hub=HubFacts(absent=both))
    (problem,) = refused.value.problems
    assert "no tag f28-modular-updates-candidate or modular-updates-candidate" in problem.message
    assert "koji add-tag f28-modular-updates-candidate" in problem.message
    assert filled.builds.find().total == before


@pytest.mark.parametrize("scratch", [False, True])
def test_one_tag_for_the_compose_is_enough_and_a_scratch_build_needs_none(
    filled: Registry, scm: FakeScm, permissive: Settings, scm_data: dict[str, Any], scratch: bool
) -> None:
    absent = {"f28-modular-updates-candidate", *(["modular-updates-candidate"] if scratch else [])}
    hub = HubFacts(absent=frozenset(absent))
    data = scm_data | {"scratch": scratch}
    assert len(submit(data, "pat", registry=filled, planner=at_hand(scm), settings=permissive, hub=hub)) == 2
