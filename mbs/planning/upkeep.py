"""What the upkeep decides; pure functions over what the registry and Koji say. Times are aware, ages timedeltas."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mbs.model.states import ModuleState
from mbs.registry.rows import ModuleBuildRow

_OVER = frozenset({ModuleState.DONE, ModuleState.READY, ModuleState.GARBAGE})


@dataclass(frozen=True, slots=True)
class Target:
    """A build target of Koji."""

    id: int
    name: str
    dest_tag: str


def old_targets(
    targets: Iterable[Target],
    builds: Mapping[str, ModuleBuildRow],
    *,
    prefixes: Collection[str],
    age: timedelta,
    now: datetime,
) -> tuple[Target, ...]:
    """Choose the targets of builds that are over for longer than `age`; `builds` are by Koji tag.

    Only names that begin like ours are touched. A failed build keeps its target until it is garbage, because it may be
    retried; MBS deletes it and makes it anew.
    """
    starts = tuple(f"{prefix}-" for prefix in prefixes)

    def is_old(target: Target) -> bool:
        build = builds.get(target.dest_tag)
        if build is None or build.state not in _OVER or not target.name.startswith(starts):
            return False
        return now - (build.time_completed or build.time_modified) > age

    return tuple(target for target in targets if is_old(target))


def expired(builds: Iterable[ModuleBuildRow], *, age: timedelta, now: datetime) -> tuple[ModuleBuildRow, ...]:
    """Choose the failed builds whose time is over: they become garbage."""
    return tuple(build for build in builds if build.state is ModuleState.FAILED and now - build.time_modified > age)


def stuck(
    builds: Iterable[ModuleBuildRow],
    last_changes: Mapping[int, datetime],
    *,
    states: Collection[ModuleState],
    age: timedelta,
    now: datetime,
) -> tuple[ModuleBuildRow, ...]:
    """Choose the builds in these states that nothing has happened to for longer than `age`.

    `last_changes` is the last change of a component by build: a module of many slow components is not stuck. MBS's own
    `time_modified` says the same.
    """

    def quiet(build: ModuleBuildRow) -> timedelta:
        return now - max(build.time_modified, last_changes.get(build.id, build.time_modified))

    return tuple(build for build in builds if build.state in states and quiet(build) > age)


def without_run(
    builds: Iterable[ModuleBuildRow], running: Collection[int], *, grace: timedelta, now: datetime
) -> tuple[ModuleBuildRow, ...]:
    """Choose the unfinished builds that no run of Airflow works on: their run was deleted, or ended without a word.

    `running` are the ids of builds with a run that has not ended. What was submitted, changed or restarted within
    `grace` is left to Airflow.
    """

    def since(build: ModuleBuildRow) -> timedelta:
        return now - max(build.time_modified, build.time_restarted or build.time_modified)

    return tuple(build for build in builds if build.id not in running and since(build) > grace)
