"""What is built again when a stream has a new build, and that it comes to an end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.model.registered import BuildRequire
from mbs.planning.dependants import dependants, resubmission
from mbs.registry import ModuleBuildRow

READY = NSVC("lib", "1", 20, "c0ffee00")


def row(name: str, version: int = 5, digest: str | None = "plan", **requires: int) -> ModuleBuildRow:
    """Make a ready build of stream 1, built against these versions of stream 1 of other modules."""
    entries = {module: BuildRequire(module, "1", number, "c0ffee00") for module, number in requires.items()}
    facts: dict[str, Any] = {
        "nsvc": NSVC(name, "1", version, "c0ffee00"),
        "buildrequires": entries,
        "plan_digest": digest,
    }
    return ModuleBuildRow(**{**dict.fromkeys(ModuleBuildRow.__dataclass_fields__), **facts})


def chosen(*rows: ModuleBuildRow, unfinished: tuple[tuple[str, str], ...] = ()) -> list[str]:
    return [build.nsvc.name for build in dependants(READY, rows, unfinished)]


def test_what_is_built_against_an_older_build_is_built_again() -> None:
    assert chosen(row("app", lib=10), row("new", lib=20), row("other", gtk=10)) == ["app"]


def test_only_the_newest_build_of_a_stream_counts() -> None:
    assert chosen(row("app", 5, lib=10), row("app", 6, lib=20)) == []


def test_what_was_imported_or_is_being_built_is_left_alone() -> None:
    assert chosen(row("app", lib=10, digest=None)) == []
    assert chosen(row("app", lib=10), unfinished=(("app", "1"),)) == []


def test_modules_that_need_each_other_do_not_rebuild_each_other_for_ever() -> None:
    assert chosen(row("lib", 20, helper=4), row("helper", 5, tool=1), row("tool", 5, lib=10), row("app", lib=10)) == [
        "app"
    ]


def test_another_stream_is_another_matter() -> None:
    build = row("app", lib=10)
    assert dependants(NSVC("lib", "2", 20, "c0ffee00"), [build], ()) == ()


def test_a_resubmission_takes_the_document_and_its_commits_and_builds_all_anew(example_plan: BuildPlan) -> None:
    build = replace(row("example"), nsvc=example_plan.nsvc, owner="pat")
    asked = resubmission(build, example_plan, NSVC("gtk", "3", 5, "c0ffee00"))
    assert (asked.owner, asked.modulemd, asked.url) == ("pat", example_plan.source_modulemd, None)
    assert (asked.module_name, asked.module_stream) == (example_plan.nsvc.name, example_plan.nsvc.stream)
    assert asked.buildrequire_overrides == {"gtk": ("3",)}
    assert asked.rpm_component_ref_overrides == {one.name: one.ref for one in example_plan.components}
    assert asked.rebuild_strategy == "all"
