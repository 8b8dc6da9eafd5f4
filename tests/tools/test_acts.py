"""What the demo builds again, and what it says about it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from mbs.registry import ComponentState
from mbs.registry.rows import ComponentRow, MessageRow
from tools.demo.acts import change_greet
from tools.demo.outcome import outcome
from tools.demo.summary import duration
from tools.stack.client import RunningStack
from tools.stack.layout import Layout, Ports

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def commits(layout: Layout) -> dict[str, str]:
    """Give the commit of every package."""
    heads = sorted((layout.var / "examples" / "rpms").glob("*/refs/heads/main"))
    return {head.parents[2].name: head.read_text() for head in heads}


def component(number: int, name: str, *, reused_from: int | None = None, macros: bool = False) -> ComponentRow:
    return ComponentRow(
        id=number,
        build_id=1,
        name=name,
        source=f"https://src.example.org/rpms/{name}?#main",
        ref="main",
        batch=0 if macros else 1,
        weight=1.0,
        arches=("x86_64",),
        buildonly=False,
        build_time_only=macros,
        content_id="",
        state=ComponentState.COMPLETE,
        reason=None,
        attempt=1,
        intent_time=None,
        task_id=None,
        koji_build_id=None,
        nvr=f"{name}-1-1",
        tagged=True,
        tagged_in_final=not macros,
        reused_from=reused_from,
    )


def test_the_change_is_a_commit_of_one_package_and_the_next_demo_can_make_it_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path, Ports())
    RunningStack(layout).publish_examples()
    seen = [commits(layout)]
    for _ in range(2):
        change_greet(layout)
        seen.append(commits(layout))
        RunningStack(layout).publish_examples()
        seen.append(commits(layout))
    for before, after in pairwise(seen):
        assert {name for name in before if before[name] != after[name]} == {"greet"}
    git = ["git", "-C", str(layout.var / "examples" / "rpms" / "greet"), "-c", "safe.directory=*"]
    changed = subprocess.run([*git, "diff", "--stat", "main~1", "main"], check=True, capture_output=True, text=True)
    assert "greet.c" in changed.stdout


def test_components_are_reused_or_built_with_the_reasons_of_those_that_were_built() -> None:
    rows = [component(1, "module-build-macros", macros=True), component(2, "lib", reused_from=7), component(3, "app")]
    messages = [
        MessageRow(3, 2, NOW, "Cannot reuse the component lib because it was tried before"),
        MessageRow(2, 3, NOW, "Cannot reuse the component app because the commit hash changed"),
        MessageRow(1, None, NOW, "About the module"),
    ]
    found = outcome(rows, messages)
    assert (found.reused, found.built) == (("lib",), ("app",))
    assert found.why == ("About the module", "Cannot reuse the component app because the commit hash changed")


def test_wall_time_is_rounded_without_a_sixtieth_second() -> None:
    assert [duration(7.4), duration(59.6), duration(119.7)] == ["7 s", "1 min 0 s", "2 min 0 s"]
