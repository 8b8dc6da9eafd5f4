"""From documents to the plan's components: rules, arches, weights, priorities and content ids."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.components.arches import ArchRules, module_arches, supported_arches
from mbs.components.record import pinned, record
from mbs.components.selection import Overrides, Selection, select, srpm_overrides
from mbs.components.tree import ModuleTree
from mbs.model.document import BuildOpts, ModuleComponent, Modulemd, RpmComponent
from mbs.model.errors import InvalidRequest, NotAuthorized, Unprocessable
from mbs.model.plan import RANKS, PlannedComponent
from mbs.scm.protocol import Ref
from mbs.settings import Settings

SETTINGS = Settings(rpms_default_repository="https://src.example.org/rpms/", allow_arch_override=True).components
ARCHES = ("x86_64", "aarch64", "s390x")


def tree_of(*rpms: RpmComponent, branch: str | None = None) -> ModuleTree:
    xmd = {"mbs": {"branch": branch}} if branch else {}
    return ModuleTree(Modulemd("m", "1", rpms=rpms, xmd=xmd))


def commits_of(selection: Selection) -> dict[Ref, str]:
    return {ref: f"{ref.name}-of-{ref.repository.rpartition('/')[2]}" for ref in selection.refs}


def plan(
    *rpms: RpmComponent,
    seconds: dict[str, float] | None = None,
    macros: str | None = None,
    overrides: Overrides | None = None,
) -> tuple[PlannedComponent, ...]:
    selection = select(tree_of(*rpms), SETTINGS, overrides)
    return record(selection, commits_of(selection), ARCHES, SETTINGS, seconds=seconds, macros=macros)


def held_up(planned: tuple[PlannedComponent, ...]) -> dict[str, int]:
    """Give the seconds in the priorities."""
    return {component.name: component.priority // RANKS for component in planned}


def ids(*rpms: RpmComponent, macros: str | None = None) -> dict[str, str]:
    return {component.name: component.content_id for component in plan(*rpms, macros=macros)}


def test_repository_and_ref_come_from_the_document_the_request_or_the_defaults() -> None:
    overrides = Overrides(refs={"c": "abc123"}, srpms={"d": "cli-build/1.x/d.src.rpm"})
    tree = tree_of(*(RpmComponent(name, ref="f28" if name != "a" else None) for name in "abcd"), branch="el8")
    selection = select(tree, SETTINGS, overrides)
    rpms = "https://src.example.org/rpms"
    assert selection.refs == (Ref(f"{rpms}/a", "el8"), Ref(f"{rpms}/b", "f28"), Ref(f"{rpms}/c", "abc123"))
    assert select(tree_of(RpmComponent("a")), SETTINGS).refs == (Ref(f"{rpms}/a", "master"),)


def test_the_plan_holds_pinned_sources_and_xmd_the_commits() -> None:
    a, b = plan(
        RpmComponent("a", ref="f28"), RpmComponent("b"), overrides=Overrides(srpms={"b": "cli-build/1.x/b.src.rpm"})
    )
    assert (a.source, a.ref) == ("git+https://src.example.org/rpms/a?#f28-of-a", "f28-of-a")
    assert (b.source, b.ref) == ("cli-build/1.x/b.src.rpm", None)
    assert pinned([b, a]) == {"a": {"ref": "f28-of-a"}, "b": {"ref": ""}}


@pytest.mark.parametrize("scheme", ["git", "file"])
def test_what_koji_knows_by_its_own_name_stays_as_it_is(scheme: str) -> None:
    settings = replace(SETTINGS, rpms_default_repository=f"{scheme}://{'' if scheme == 'file' else 'host'}/rpms/")
    selection = select(tree_of(RpmComponent("a")), settings)
    (a,) = record(selection, commits_of(selection), ARCHES, settings)
    assert a.source == f"{settings.rpms_default_repository}a?#master-of-a"


def test_custom_repositories_and_caches_need_permission() -> None:
    rpms = (
        RpmComponent("a", repository="https://elsewhere.example.org/a"),
        RpmComponent("b", cache="https://cache.example.org/b"),
        RpmComponent("c", repository="https://src.example.org/rpms/c"),
    )
    with pytest.raises(NotAuthorized) as caught:
        select(tree_of(*rpms), SETTINGS)
    assert str(caught.value).splitlines() == [
        "Custom component repositories aren't allowed.  'a' bears repository 'https://elsewhere.example.org/a'",
        "Custom component caches aren't allowed.  'b' bears cache 'https://cache.example.org/b'",
    ]
    open_house = replace(SETTINGS, rpms_allow_repository=True, rpms_allow_cache=True)
    assert select(tree_of(*rpms), open_house).refs[0] == Ref("https://elsewhere.example.org/a", "master")


def test_all_that_could_reach_git_or_koji_as_something_else_is_refused_at_once() -> None:
    rpms = (
        RpmComponent("../x"),
        RpmComponent("a", ref="--upload-pack=id"),
        RpmComponent("b", repository="ext::sh -c id"),
        RpmComponent("c\n"),
    )
    with pytest.raises(Unprocessable) as caught:
        select(tree_of(*rpms), replace(SETTINGS, rpms_allow_repository=True))
    assert [problem.where for problem in caught.value.problems] == [
        "data.components.rpms.../x",
        "data.components.rpms.a.ref",
        "data.components.rpms.b.repository",
        "data.components.rpms.c\n",
    ]


def test_overrides_for_unknown_components_are_refused() -> None:
    with pytest.raises(Unprocessable) as caught:
        select(tree_of(RpmComponent("a")), SETTINGS, Overrides({"x": "f28"}, {"y": "cli-build/1/y.src.rpm"}))
    assert [problem.where for problem in caught.value.problems] == ["rpm_component_ref_overrides", "srpms"]


def test_components_of_included_modules_must_not_clash() -> None:
    below = ModuleTree(Modulemd("in", "1", rpms=(RpmComponent("a"), RpmComponent("b"))), origin="in:f28")
    document = Modulemd("m", "1", rpms=(RpmComponent("a"), RpmComponent("b")), modules=(ModuleComponent("in"),))
    with pytest.raises(Unprocessable) as caught:
        select(ModuleTree(document, {"in": below}), SETTINGS)
    assert str(caught.value) == 'The included module "in" in "m" have the following conflicting components: a, b'


def test_components_of_included_modules_say_where_they_come_from() -> None:
    below = ModuleTree(Modulemd("in", "1", rpms=(RpmComponent("b"),)), origin="in:f28")
    document = Modulemd("m", "1", rpms=(RpmComponent("a"),), modules=(ModuleComponent("in"),))
    selection = select(ModuleTree(document, {"in": below}), SETTINGS)
    planned = record(selection, commits_of(selection), ARCHES, SETTINGS)
    assert [(component.name, component.included_from) for component in planned] == [("a", None), ("b", "in:f28")]


def test_arches_are_the_modules_less_those_a_component_leaves_out() -> None:
    a, b = plan(RpmComponent("a"), RpmComponent("b", arches=("ppc64le", "s390x", "x86_64")))
    assert (a.arches, a.arch_override) == (ARCHES, ())
    assert (b.arches, b.arch_override) == (("x86_64", "s390x"), ("x86_64", "s390x"))


def test_without_arch_override_koji_builds_all_arches_and_so_does_the_plan() -> None:
    selection = select(tree_of(RpmComponent("a", arches=("x86_64",))), SETTINGS)
    (a,) = record(selection, commits_of(selection), ARCHES, replace(SETTINGS, allow_arch_override=False))
    assert (a.arches, a.arch_override) == (ARCHES, ())


def test_a_component_for_no_arch_of_the_module_is_refused() -> None:
    with pytest.raises(Unprocessable, match="'a' would be built for no arch; the module is built for x86_64, aarch64"):
        plan(RpmComponent("a", arches=("ppc64le",)))


def test_buildopts_arches_must_be_among_the_supported_ones() -> None:
    assert module_arches(BuildOpts(), ("x86_64", "s390x")) == ("x86_64", "s390x")
    assert module_arches(BuildOpts(arches=("s390x",)), ("x86_64", "s390x")) == ("s390x",)
    with pytest.raises(Unprocessable, match=r"not supported with these buildrequires: ppc64le$"):
        module_arches(BuildOpts(arches=("ppc64le", "s390x")), ("x86_64", "s390x"))


def test_the_first_rule_that_applies_decides_about_the_arches() -> None:
    rules = ArchRules(("x86_64",), {"platform:el8": ("s390x",)}, ("bootstrap", "platform"))
    known = {"platform": ("aarch64", "x86_64"), "perl": ("ppc64le",), "bootstrap": ("i686",)}

    def tags(name: str) -> tuple[str, ...]:
        return known[name]

    f28 = {"perl": "5", "platform": "f28"}
    assert supported_arches({"platform": "el8"}, {"koji_tag_arches": ["i686"]}, tags, rules) == ("s390x",)
    assert supported_arches(f28, {"koji_tag_arches": ["i686"]}, tags, rules) == ("i686",)
    assert supported_arches(f28, {}, tags, rules) == ("aarch64", "x86_64")
    assert supported_arches(f28 | {"bootstrap": "1"}, {}, tags, rules) == ("i686",)
    assert supported_arches(f28, {}, lambda _: (), rules) == ("x86_64",)


def test_components_are_sorted_by_batch_then_weight_then_name() -> None:
    rpms = (RpmComponent("a"), RpmComponent("b"), RpmComponent("c"), RpmComponent("d", buildorder=-1))
    planned = plan(*rpms, seconds={"b": 900.0, "d": 10.0})
    assert [(component.name, component.weight) for component in planned] == [
        ("d", 10.0),
        ("b", 900.0),
        ("a", 300.0),
        ("c", 300.0),
    ]


def test_in_batches_a_component_holds_up_the_longest_of_each_later_batch() -> None:
    rpms = (RpmComponent("a"), RpmComponent("b"), RpmComponent("c", buildorder=1), RpmComponent("d", buildorder=2))
    planned = plan(*rpms, seconds={"a": 10.0, "b": 20.0, "c": 100.0, "d": 1000.0})
    assert held_up(planned) == {"a": 1110, "b": 1120, "c": 1100, "d": 1000}


def test_with_buildafter_a_component_holds_up_its_own_chain_only() -> None:
    rpms = (RpmComponent("a"), RpmComponent("b"), RpmComponent("c", buildafter=("a",)))
    planned = plan(*rpms, seconds={"a": 10.0, "b": 20.0, "c": 100.0})
    assert held_up(planned) == {"a": 110, "b": 20, "c": 100}


def test_of_components_that_hold_up_the_same_one_comes_first() -> None:
    planned = plan(RpmComponent("a"), RpmComponent("b"), RpmComponent("c"), seconds={"c": 10.0**9})
    assert [one.name for one in sorted(planned, key=lambda one: one.priority, reverse=True)] == ["c", "a", "b"]
    assert len({one.priority for one in planned}) == 3
    assert max(one.priority for one in planned) < 2**31


def test_content_ids_follow_what_is_built_before_and_nothing_else() -> None:
    rpms = (RpmComponent("a"), RpmComponent("b"), RpmComponent("c", buildorder=1))
    first = ids(*rpms)
    second = ids(rpms[0], RpmComponent("b", ref="other"), rpms[2])
    assert first["a"] == second["a"]
    assert first["b"] != second["b"]
    assert first["c"] != second["c"]
    assert not set(first.values()) & set(ids(*rpms, macros="%x 1").values())


def test_content_ids_with_buildafter_follow_the_chain_only() -> None:
    rpms = (RpmComponent("a"), RpmComponent("b"), RpmComponent("c", buildafter=("a",)))
    second = ids(rpms[0], RpmComponent("b", ref="other"), rpms[2])
    assert {name for name, value in ids(*rpms).items() if value == second[name]} == {"a", "c"}


def test_uploaded_srpms_replace_components_and_nothing_else_is_taken() -> None:
    assert srpm_overrides(["cli-build/1.x/perl.src.rpm", "cli-build/2.y/perl.src.rpm"]) == {
        "perl": "cli-build/1.x/perl.src.rpm"
    }
    wrong = ["/etc/passwd", "cli-build/../../x/perl.src.rpm", "cli-build/./perl.src.rpm", "cli-build/1/perl.rpm"]
    with pytest.raises(InvalidRequest) as caught:
        srpm_overrides(wrong)
    assert len(caught.value.problems) == len(wrong)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(1, 1000)), min_size=1, max_size=30))
def test_every_component_of_a_batch_waits_for_all_of_the_batch_before(wanted: list[tuple[int, float]]) -> None:
    rpms = tuple(RpmComponent(f"p{number:02}", buildorder=order) for number, (order, _) in enumerate(wanted))
    planned = plan(*rpms, seconds={f"p{number:02}": seconds for number, (_, seconds) in enumerate(wanted)})
    orders = {f"p{number:02}": order for number, (order, _) in enumerate(wanted)}
    for batch in range(2, planned[-1].batch + 1):
        before = {orders[component.name] for component in planned if component.batch == batch - 1}
        here = {orders[component.name] for component in planned if component.batch == batch}
        assert max(before) < min(here)
    urgent = [component.priority for component in planned if component.batch == 1]
    assert urgent == sorted(urgent, reverse=True)
