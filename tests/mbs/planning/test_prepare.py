from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mbs.model.document import Dependencies
from mbs.model.errors import InvalidModulemd, InvalidRequest, Refused, Unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.plan import RANKS, PlannedGroup
from mbs.modulemd.reader import read_stream
from mbs.planning.hub import HubFacts
from mbs.settings import Settings
from tests.mbs.planning.conftest import COMMIT, DOCUMENT, FakeScm, Prepare, plans_of


def test_each_combination_of_streams_becomes_one_plan(prepared: Prepare, scm_data: dict[str, Any]) -> None:
    submission = prepared(scm_data)
    plans = plans_of(submission)
    assert {plan.nsvc.context for plan in plans} == {"e1e005fb", "ce132a1e"}, "the golden contexts of MBS"
    assert {plan.nsvc.version for plan in plans} == {2820240102030405}
    assert {(plan.nsvc.name, plan.nsvc.stream) for plan in plans} == {("app", "master")}
    assert [dependency.koji_tag for dependency in plans[0].dependencies] == ["module-gtk-1", "module-f28-build"]
    assert [dependency.priority for dependency in plans[0].dependencies] == [10, 20]
    assert all(plan.dist.startswith("module+f28+7+") for plan in plans), "siblings share their index"


def test_the_plan_has_everything_that_the_dag_needs(prepared: Prepare, scm_data: dict[str, Any]) -> None:
    plan = plans_of(prepared(scm_data))[0]
    tag = f"module-app-master-2820240102030405-{plan.nsvc.context}"
    assert (plan.koji_tag, plan.build_tag) == (tag, f"{tag}-build")
    assert plan.arches == ("x86_64", "aarch64")
    assert plan.tag_extra["repo_include_all"] is False
    assert plan.blocked_packages == ("alpha",)
    assert plan.packages == ("alpha", "beta")
    assert plan.groups == (PlannedGroup("build", ("bash", "gcc", "gtk-tools")), PlannedGroup("srpm-build", ("bash",)))
    assert [(one.name, one.batch, one.ref) for one in plan.components] == [("alpha", 1, COMMIT), ("beta", 2, COMMIT)]
    assert plan.components[0].source == f"git+https://src.example.org/rpms/alpha?#{COMMIT}"
    assert f"%dist .{plan.dist}\n" in plan.macros.macros
    assert plan.macros.macros.endswith("%example 1\n")
    assert [one.rpm_filter for one in plan.dependencies] == [("gtk-demo",), ()]
    assert plan.publication.candidate_tags == ("f28-modular-updates-candidate", "modular-updates-candidate")
    assert plan.publication.release == f"2820240102030405.{plan.nsvc.context}"
    assert plan.source_modulemd == DOCUMENT


def test_the_document_of_a_build_has_its_own_pair_and_xmd(prepared: Prepare, scm_data: dict[str, Any]) -> None:
    plan = plans_of(prepared(scm_data | {"rpm_component_ref_overrides": {"beta": "f28"}}))[0]
    written = read_stream(plan.modulemd)
    assert NSVC(str(written.name), str(written.stream), written.version, str(written.context)) == plan.nsvc
    assert written.dependencies == (Dependencies({"platform": ("f28",), "gtk": ("1",)}, {"gtk": ("1",)}),)
    gtk = {"ref": "6d0c", "stream": "1", "version": "20180101000000", "context": "c1", "koji_tag": "module-gtk-1"}
    mbs = written.xmd_mbs
    assert isinstance(mbs["buildrequires"], dict)
    assert mbs["buildrequires"]["gtk"] == gtk
    assert {
        name: mbs[name] for name in ("mse", "commit", "scmurl", "branch", "rpms", "rpm_component_ref_overrides")
    } == {
        "mse": True,
        "commit": COMMIT,
        "scmurl": scm_data["scmurl"],
        "branch": "master",
        "rpms": {"alpha": {"ref": COMMIT}, "beta": {"ref": COMMIT}},
        "rpm_component_ref_overrides": {"beta": "f28"},
    }
    assert written.mbs_options == {"blocked_packages": ["alpha"], "repo_include_all": False}


def test_refs_are_asked_for_once_whatever_the_number_of_builds(
    prepared: Prepare, scm: FakeScm, scm_data: dict[str, Any]
) -> None:
    prepared(scm_data)
    assert [ref.repository.rpartition("/")[2] for ref in scm.resolved] == ["alpha", "beta"]


def test_scratch_builds_are_not_published_and_have_names_of_their_own(prepared: Prepare) -> None:
    (plan, _) = plans_of(prepared({"modulemd": DOCUMENT, "module_name": "app", "scratch": True}))
    assert plan.koji_tag.startswith("scrmod-app-master-")
    assert plan.koji_tag.endswith("+7")
    assert plan.dist.startswith("scrmod+f28+7+")
    assert not plan.publication.imported
    assert plan.publication.candidate_tags == ()


def test_uploaded_srpms_stand_in_for_components(prepared: Prepare) -> None:
    srpm = "cli-build/1.abc/alpha.src.rpm"
    (plan, _) = plans_of(prepared({"modulemd": DOCUMENT, "module_name": "app", "scratch": True, "srpms": [srpm]}))
    alpha = plan.components[0]
    assert (alpha.source, alpha.ref) == (srpm, None)


def test_overrides_choose_the_streams(prepared: Prepare, scm_data: dict[str, Any]) -> None:
    overrides = {"buildrequire_overrides": {"gtk": ["2"]}, "require_overrides": {"gtk": ["2"]}}
    (build,) = prepared(scm_data | overrides).builds
    assert build.expanded.buildrequires["gtk"].nsvc.stream == "2"


def test_a_side_tag_replaces_the_tag_of_the_platform(prepared: Prepare, scm_data: dict[str, Any]) -> None:
    plan = plans_of(prepared(scm_data | {"side_tag": "77"}))[0]
    assert plan.side_tag == "77"
    assert plan.dependencies[-1].koji_tag == "f28-build-side-77"


def test_koji_knows_arches_and_durations_better(prepared: Prepare, scm_data: dict[str, Any]) -> None:
    facts = HubFacts({"module-f28-build": ("s390x",)}, {"beta": 1000.0})
    plan = plans_of(prepared(scm_data, hub=facts))[0]
    assert plan.arches == ("s390x",)
    assert {one.name: (one.weight, one.priority // RANKS) for one in plan.components} == {
        "alpha": (300.0, 1300),
        "beta": (1000.0, 1000),
    }


def test_configured_arches_win(prepared: Prepare, permissive: Settings, scm_data: dict[str, Any]) -> None:
    settings = replace(permissive, base_module_arches={"platform:f28": ("ppc64le",)})
    assert plans_of(prepared(scm_data, settings))[0].arches == ("ppc64le",)


def test_problems_of_dependencies_and_components_are_told_together(
    prepared: Prepare, scm: FakeScm, scm_data: dict[str, Any]
) -> None:
    data = scm_data | {"rpm_component_ref_overrides": {"omega": "f28"}, "require_overrides": {"qt": ["5"]}}
    with pytest.raises(Refused) as refused:
        prepared(data)
    text = str(refused.value)
    assert "The require overrides for the following modules aren't applicable: qt" in text
    assert "names components that the module does not have: omega" in text
    assert scm.resolved == [], "nobody is asked for refs of what is refused anyway"


def test_an_invalid_document_is_refused_with_its_lines(
    prepared: Prepare, scm: FakeScm, scm_data: dict[str, Any]
) -> None:
    scm.text = DOCUMENT.replace("rationale: first", "colour: red").replace("summary: Example", "abstract: Example")
    with pytest.raises(InvalidModulemd) as refused:
        prepared(scm_data)
    assert {problem.line for problem in refused.value.problems if problem.line} >= {4, 13}


def test_more_builds_than_allowed_are_refused(
    prepared: Prepare, permissive: Settings, scm_data: dict[str, Any]
) -> None:
    with pytest.raises(Unprocessable, match="more than the 1 allowed: 2 gtk"):
        prepared(scm_data, replace(permissive, max_builds=1))


def test_a_module_without_components_is_planned(prepared: Prepare, scm: FakeScm, scm_data: dict[str, Any]) -> None:
    scm.text = DOCUMENT[: DOCUMENT.index("  components:")]
    plan = plans_of(prepared(scm_data))[0]
    assert plan.components == ()
    assert scm.resolved == []


def test_static_contexts_are_kept(prepared: Prepare, scm: FakeScm, scm_data: dict[str, Any]) -> None:
    options = "mbs_options: {contexts: {ctx1: {buildrequires: {platform: f28, gtk: '1'}, requires: {}}}}"
    scm.text = DOCUMENT[: DOCUMENT.index("    mbs_options")] + f"    {options}\n"
    (plan,) = plans_of(prepared(scm_data))
    written = read_stream(plan.modulemd)
    assert (plan.nsvc.context, written.static_context, written.xmd_mbs["static_context"]) == ("ctx1", True, True)


def test_a_document_on_the_wrong_branch_is_refused(prepared: Prepare, scm: FakeScm, scm_data: dict[str, Any]) -> None:
    scm.text = DOCUMENT.replace("data:\n", "data:\n  stream: other\n")
    with pytest.raises(InvalidRequest, match='does not match the stream determined by the branch "master"'):
        prepared(scm_data)
