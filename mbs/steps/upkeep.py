"""The upkeep's steps: look, decide, act unless it is a dry run; each gives sentences about what was (or would be) done.

They repair what nobody else does and may be repeated at any time; none is needed for a build to go on as it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TypeVar

from mbs.koji.faults import raise_refused
from mbs.koji.session import Hub, call
from mbs.model.nsvc import NSVC
from mbs.model.states import ComponentState, ModuleState
from mbs.planning.upkeep import Target, expired, old_targets, stuck, without_run
from mbs.registry import Registry
from mbs.registry.rows import BuildFilter, ComponentFilter, ComponentRow, Listing, ModuleBuildRow, Page
from mbs.settings import Settings
from mbs.steps.ending import became, cancel_components, cancel_tasks, settle

Row = TypeVar("Row")

BY = "upkeep"
GRACE = timedelta(minutes=10)
"""For Airflow to start a run, and for tasks to record what they did (MBS: the same, §17.1)."""

_PAGE = 500
_LEFT_BEHIND = "Its module build has ended"


@dataclass(frozen=True)
class Upkeep:
    """One round of care. With `dry_run` nothing is changed anywhere."""

    hub: Hub
    registry: Registry
    settings: Settings
    dry_run: bool = False
    now: datetime | None = None

    def delete_old_targets(self) -> list[str]:
        """Delete the targets of builds that are over (`koji_target_delete_time`); tags stay."""
        targets = [
            Target(answer["id"], answer["name"], answer["dest_tag_name"]) for answer in self.hub.call("getBuildTargets")
        ]
        builds = {build.koji_tag: build for build in self._builds(koji_tags=[target.dest_tag for target in targets])}
        old = old_targets(
            targets,
            {tag: build for tag, build in builds.items() if tag and build.nsvc.name not in self._base_modules},
            prefixes=self.settings.koji_tag_prefixes,
            age=timedelta(seconds=self.settings.koji_target_delete_time),
            now=self._now,
        )
        if not self.dry_run:
            raise_refused(self.hub.multicall(call("deleteBuildTarget", target.id) for target in old))
        return [f"Target {target.name} is deleted." for target in old]

    def collect_failed_builds(self) -> list[str]:
        """Untag what failed builds have complete, and make them garbage (`cleanup_failed_builds_time`)."""
        days = self.settings.cleanup_failed_builds_time
        old = expired(self._builds((ModuleState.FAILED,)), age=timedelta(days=days), now=self._now)
        reason = f"The module was garbage collected since it has failed over {days} day(s) ago"
        for build in () if self.dry_run else old:
            self._untag(build)
            with self.registry.transaction() as work:
                work.components.mark_untagged(build.id)
                work.builds.transition(build.id, ModuleState.GARBAGE, reason, BY)
        return [f"{build.nsvc} failed at {build.time_modified:%Y-%m-%d} and becomes garbage." for build in old]

    def cancel_stuck_builds(self) -> list[str]:
        """Cancel the builds that nothing has happened to for long (`cleanup_stuck_builds_time`)."""
        states = [ModuleState[name.upper()] for name in self.settings.cleanup_stuck_builds_states]
        builds = self._builds(states)
        days = self.settings.cleanup_stuck_builds_time
        changes = self.registry.components.last_changes([build.id for build in builds])
        found = stuck(builds, changes, states=states, age=timedelta(days=days), now=self._now)
        for build in () if self.dry_run else found:
            reason = f"The module was in {build.state.label} for more than {days} days"
            self.registry.builds.transition(build.id, ModuleState.FAILED, reason, BY)
            cancel_components(self.hub, self.registry, build.id, reason)
        return [f"{build.nsvc} was in {build.state.label} for more than {days} days: canceled." for build in found]

    def restart_lost_builds(self, has_run: Callable[[NSVC], bool]) -> list[str]:
        """Give unfinished builds another run where Airflow has none; `has_run` tells about one build."""
        states = (ModuleState.WAIT, ModuleState.BUILD, ModuleState.DONE)
        builds = [
            build
            for build in self._builds(states)
            if build.plan_digest and not (build.scratch and build.state is ModuleState.DONE)
        ]
        quiet = without_run(builds, (), grace=GRACE, now=self._now)
        lost = without_run(quiet, {build.id for build in quiet if has_run(build.nsvc)}, grace=GRACE, now=self._now)
        for build in () if self.dry_run else lost:
            self.registry.builds.restart(build.id)
        return [f"{build.nsvc} is in {build.state.label} without a run in Airflow: it gets one." for build in lost]

    def settle_components(self) -> list[str]:
        """Record what became of components whose module build has ended while they were being built.

        What still runs in Koji is canceled. Components of builds that go on are their tasks' business.
        """
        building = self._building()
        over = {build_id for build_id in {row.build_id for row in building} if self._is_over(build_id)}
        rows = [row for row in building if row.build_id in over]
        if not self.dry_run:
            cancel_tasks(self.hub, (row.task_id for row in rows if row.task_id is not None))
        ends = became(self.hub, rows, _LEFT_BEHIND)
        if not self.dry_run:
            settle(self.registry, ends)
        states = {row: ends[row].state.label if row in ends else "still being built in Koji" for row in rows}
        return [f"{row.name} of module build {row.build_id} is {state}." for row, state in states.items()]

    @property
    def _now(self) -> datetime:
        return self.now or datetime.now(UTC)

    @property
    def _base_modules(self) -> tuple[str, ...]:
        return self.settings.base_module_names

    def _builds(
        self, states: Iterable[ModuleState] = (), koji_tags: Iterable[str] | None = None
    ) -> tuple[ModuleBuildRow, ...]:
        """Give all builds in these states, or with these tags; none where no tag is asked for."""
        tags = None if koji_tags is None else tuple(koji_tags)
        if tags == ():
            return ()
        wanted = BuildFilter(states=tuple(states), koji_tags=tags or ())
        return tuple(_pages(partial(self.registry.builds.find, wanted)))

    def _building(self) -> tuple[ComponentRow, ...]:
        wanted = ComponentFilter(states=(ComponentState.BUILDING,))
        return tuple(_pages(partial(self.registry.components.find, wanted)))

    def _is_over(self, build_id: int) -> bool:
        build = self.registry.builds.get(build_id)
        ended = build.state in {ModuleState.FAILED, ModuleState.GARBAGE}
        return ended and self._now - build.time_modified > GRACE

    def _untag(self, build: ModuleBuildRow) -> None:
        """Take the builds of a failed module out of its tags; a tag that is gone needs nothing."""
        if build.koji_tag is None:
            return
        for tag in (build.koji_tag, f"{build.koji_tag}-build"):
            if self.hub.call("getTag", tag):
                listed = self.hub.call("listTagged", tag, inherit=False)
                raise_refused(self.hub.multicall(call("untagBuildBypass", tag, row["nvr"]) for row in listed))


def _pages(find: Callable[[Page], Listing[Row]]) -> Iterator[Row]:
    """Give all rows, page by page, oldest first."""
    for number in count(1):
        listing = find(Page(number=number, size=_PAGE, order_by=(("id", False),)))
        yield from listing.items
        if number * _PAGE >= listing.total:
            return
