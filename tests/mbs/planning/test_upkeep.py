"""What upkeep chooses, and above all what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mbs.model.nsvc import NSVC
from mbs.planning.upkeep import Target, expired, old_targets, stuck, without_run
from mbs.registry import ModuleBuildRow, ModuleState

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


def build(state: ModuleState, *, days: float, **fields: Any) -> ModuleBuildRow:
    """Make a build that came into its state some days ago."""
    nothing = dict.fromkeys(ModuleBuildRow.__dataclass_fields__)
    then = NOW - days * DAY
    facts = {"id": 1, "nsvc": NSVC("m", "1", 1, "c"), "state": state, "time_modified": then, "scratch": False}
    return ModuleBuildRow(**{**nothing, **facts, **fields})


def targets_deleted(row: ModuleBuildRow | None, name: str = "module-m-1-1-c") -> int:
    builds = {"module-m-1-1-c": row} if row else {}
    target = Target(7, name, "module-m-1-1-c")
    return len(old_targets([target], builds, prefixes=("module", "scrmod"), age=DAY, now=NOW))


@pytest.mark.parametrize("state", [ModuleState.DONE, ModuleState.READY, ModuleState.GARBAGE])
def test_a_target_goes_a_day_after_its_build(state: ModuleState) -> None:
    assert targets_deleted(build(state, days=1.5)) == 1
    assert targets_deleted(build(state, days=0.5)) == 0
    assert targets_deleted(build(state, days=9, time_completed=NOW)) == 0


@pytest.mark.parametrize("state", [ModuleState.INIT, ModuleState.WAIT, ModuleState.BUILD, ModuleState.FAILED])
def test_the_target_of_a_build_that_may_go_on_stays(state: ModuleState) -> None:
    assert targets_deleted(build(state, days=90)) == 0


def test_targets_that_are_not_ours_stay() -> None:
    assert targets_deleted(None) == 0
    assert targets_deleted(build(ModuleState.READY, days=9), name="modules-of-others") == 0


def test_only_old_failures_expire() -> None:
    builds = [
        build(ModuleState.FAILED, days=181),
        build(ModuleState.FAILED, days=179),
        build(ModuleState.READY, days=999),
    ]
    assert expired(builds, age=180 * DAY, now=NOW) == (builds[0],)


def test_a_build_with_news_of_its_components_is_not_stuck() -> None:
    quiet, busy = build(ModuleState.BUILD, days=8), build(ModuleState.BUILD, days=8, id=2)
    ready = build(ModuleState.READY, days=80, id=3)
    states = {ModuleState.INIT, ModuleState.BUILD}
    news = {1: NOW - 8 * DAY, 2: NOW - DAY}
    assert stuck([quiet, busy, ready], news, states=states, age=7 * DAY, now=NOW) == (quiet,)
    assert stuck([quiet], {}, states=states, age=7 * DAY, now=NOW) == (quiet,)


def test_a_build_without_a_run_is_lost_unless_airflow_may_still_begin() -> None:
    lost, running, new = (build(ModuleState.BUILD, days=days, id=number) for number, days in ((1, 1), (2, 1), (3, 0)))
    restarted = build(ModuleState.BUILD, days=1, id=4, time_restarted=NOW)
    found = without_run([lost, running, new, restarted], {2}, grace=timedelta(minutes=10), now=NOW)
    assert found == (lost,)
