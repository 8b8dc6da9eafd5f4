"""The gate after each batch: its builds are complete, tagged, and in a repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from mbs.components.gates import behind
from mbs.koji.builds import BuildInfo, builds_of_tasks, ensure_tagged, not_latest, package_of, unblock, unlisted
from mbs.koji.repos import RepoReady, RepoRequested, RepoTask, last_change, request_repo
from mbs.koji.session import Hub
from mbs.koji.snapshot import TaskKey, TaskSnapshot, look
from mbs.koji.tags import ensure_in_groups
from mbs.model.errors import BuildFailed
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.registry.rows import ComponentRow, Finished
from operators.tasks.base import Event, ModuleBuildOperator, deadline_in
from operators.triggers import GAVE_UP, REPO_ID, RepoTrigger, TasksTrigger

BUILD_PATIENCE = timedelta(hours=12)
"""For what Koji still does when all arches are built: the import of the RPMs."""

REPO_PATIENCE = timedelta(hours=2)
"""As the koji command waits."""

REQUESTS = 5
"""Requests for a repository, each of which Koji tries four times."""


class RepoOperator(ModuleBuildOperator):
    """Tag the builds of a batch and wait for a repository that contains them.

    `batch` names the components of the gate (none for the macros' gate, which has `macros`). Builds are tagged when
    all of the batch are complete: into the build tag and the module's tag, those needed at build time only into the
    build tag (§14.2). The repository's id is left as an XCom for the builds behind the gate.
    """

    def __init__(
        self,
        *,
        plan: BuildPlan,
        batch: Sequence[str] = (),
        macros: bool = False,
        patience: timedelta = REPO_PATIENCE,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("trigger_rule", "none_failed")
        super().__init__(plan=plan, **kwargs)
        self.batch = tuple(batch)
        self.macros = macros
        self.patience = patience

    def work(self, context: Context) -> None:
        """Take the gate's steps; each finds what an earlier try has done."""
        self._pass(context, request=1)

    def builds_ended(self, context: Context, event: Event) -> None:
        """Go on when Koji has imported what it built."""
        self.blaming(context, lambda: self._go_on(context, event, request=1))

    def repo_ended(self, context: Context, event: Event, request: int = 1) -> None:
        """Ask again when a request died, or a newRepo task ended."""
        self.log.info("Asking again for a repository: %s.", event.get("reason", "the newRepo task has ended"))
        self.blaming(context, lambda: self._go_on(context, event, request=request + 1))

    def _go_on(self, context: Context, event: Event, *, request: int) -> None:
        if event["kind"] == GAVE_UP or request > REQUESTS:
            self.fail(context, event.get("reason", f"Koji made no repository of {self.plan.build_tag}."))
        self._pass(context, request=request)

    def _pass(self, context: Context, *, request: int) -> None:
        rows = {row.name: row for row in self.registry.components(self.plan.build_id) if row.name in self.names}
        with self.hub() as hub:
            nvrs = self._complete(hub, rows)
            self._tag(hub, nvrs)
            event = last_change(hub, self.plan.build_tag)
            self._prove(hub, nvrs)
            if self._is_awaited():
                self._request(context, hub, event, request)
            else:
                self.log.info("Nothing is built right behind this gate, so it needs no repository.")

    @property
    def names(self) -> frozenset[str]:
        """The components of the gate that are built for any arch at all."""
        planned = {component.name for component in self.plan.components if component.arches}
        return frozenset(planned & set(self.batch)) | ({MACROS} if self.macros else frozenset())

    def _complete(self, hub: Hub, rows: Mapping[str, ComponentRow]) -> dict[str, str]:
        """Give the NVR of every component, and record it as complete. Raises BuildFailed; defers while Koji imports."""
        waiting = {name: row.task_id for name, row in rows.items() if row.state is not ComponentState.COMPLETE}
        tasks = [task_id for task_id in waiting.values() if task_id is not None]
        built = {task_id: build for task_id, build in builds_of_tasks(hub, tasks).items() if build.is_complete}
        self._wait_for(hub, [task_id for task_id in tasks if task_id not in built])
        done = {name: built[task_id] for name, task_id in waiting.items() if task_id in built}
        failed = sorted(self.names - (rows.keys() - waiting.keys()) - done.keys())
        if failed:
            msg = f"Component(s) {', '.join(failed)} failed to build. Clear their tasks to build them again."
            raise BuildFailed(msg)
        self.registry.finish_many(self.plan.build_id, {name: _finished(build) for name, build in done.items()})
        known = {name: row.nvr for name, row in rows.items() if row.nvr is not None}
        return known | {name: build.nvr for name, build in done.items()}

    def _wait_for(self, hub: Hub, tasks: Sequence[int]) -> None:
        """Wait for tasks without a complete build, if they have not ended."""
        snapshots = look(hub, map(TaskKey, tasks))
        running = [
            snapshot.task.id
            for snapshot in snapshots.values()
            if isinstance(snapshot, TaskSnapshot) and not snapshot.task.ended
        ]
        if running:
            self.log.info("All arches are built; Koji still imports in task %s.", ", ".join(map(str, running)))
            trigger = TasksTrigger(
                koji_conn_id=self.koji_conn_id, koji_task_ids=running, deadline=deadline_in(BUILD_PATIENCE)
            )
            self.defer(trigger=trigger, method_name="builds_ended")

    def _tag(self, hub: Hub, nvrs: Mapping[str, str]) -> None:
        """Let the builds into the tags. Packages that were blocked until now come first, else they stay invisible."""
        self._refuse_unlisted(hub, nvrs)
        packages = frozenset(map(package_of, nvrs.values()))
        unblock(hub, self.plan.build_tag, packages.intersection(self.plan.blocked_packages))
        if MACROS in nvrs:
            ensure_in_groups(hub, self.plan, MACROS)
        ours = {name: nvr for name, nvr in nvrs.items() if name != MACROS}
        for tag, builds in ((self.plan.build_tag, nvrs), (self.plan.koji_tag, ours)):
            tagged = ensure_tagged(hub, tag, list(builds.values()))
            self.log.info("Tagged into %s: %s.", tag, ", ".join(tagged) or "nothing new")
        self.registry.mark_tagged(self.plan.build_id, list(nvrs), build=True)
        self.registry.mark_tagged(self.plan.build_id, list(ours), final=True)

    def _refuse_unlisted(self, hub: Hub, nvrs: Mapping[str, str]) -> None:
        """Say what to do about a build whose package the tags do not take: its spec has another name."""
        components = {nvr: name for name, nvr in nvrs.items()}
        problems = [
            f"Koji built component {components[nvr]} as {nvr}, but package {package_of(nvr)} is not in the package "
            f"list of tag {tag}."
            for nvr, tag in unlisted(hub, self.plan, nvrs.values())
        ]
        if problems:
            advice = (
                "Name the package in buildopts.rpms.whitelist of the modulemd and submit it again; or have it added "
                "(koji add-pkg --owner OWNER TAG PACKAGE) and clear this task."
            )
            raise BuildFailed(" ".join([*problems, advice]))

    def _prove(self, hub: Hub, nvrs: Mapping[str, str]) -> None:
        """See that the tag gives these builds and no others of their packages; the next ones are built against them."""
        hidden = not_latest(hub, self.plan.build_tag, nvrs.values())
        if hidden:
            msg = (
                f"Tag {self.plan.build_tag} does not give {', '.join(hidden)}: another build of the package was tagged "
                "later, or the package is blocked. Untag or unblock it, then clear this task."
            )
            raise BuildFailed(msg)

    def _is_awaited(self) -> bool:
        """Tell whether a component right behind the gate is still to be built: not the last batch, nor what is reused.

        MBS leaves out the repository after the last batch, and all of them when everything is reused (§15.4).
        """
        complete = {
            row.name for row in self.registry.components(self.plan.build_id) if row.state is ComponentState.COMPLETE
        }
        return any(one.arches and one.name not in complete for one in behind(self.plan.components, self.batch))

    def _request(self, context: Context, hub: Hub, event: int, request: int) -> None:
        """Ask for a repository of the tag as it is since `event`, and wait for it."""
        trigger: RepoTrigger | TasksTrigger
        conn_id, deadline = self.koji_conn_id, deadline_in(self.patience)
        match request_repo(hub, self.plan.build_tag, event):
            case RepoReady(repo):
                self.log.info("Repository %s is ready.", repo.id)
                context["ti"].xcom_push(REPO_ID, repo.id)
                return
            case RepoRequested(request_id):
                self.log.info("Requested a repository of %s (request %s).", self.plan.build_tag, request_id)
                trigger = RepoTrigger(koji_conn_id=conn_id, request_id=request_id, event=event, deadline=deadline)
            case RepoTask(task_id):
                self.log.info("Started newRepo task %s for %s.", task_id, self.plan.build_tag)
                trigger = TasksTrigger(koji_conn_id=conn_id, koji_task_ids=[task_id], deadline=deadline)
        self.defer(trigger=trigger, method_name="repo_ended", kwargs={"request": request})


def _finished(build: BuildInfo) -> Finished:
    return Finished(ComponentState.COMPLETE, build.nvr, koji_build_id=build.id)
