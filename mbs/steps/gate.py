"""The gate behind a batch: its builds are complete, tagged, and in a repository on which the next ones are built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mbs.koji.builds import BuildInfo, builds_of_tasks
from mbs.koji.repos import RepoReady, RepoRequested, RepoTask, request_repo
from mbs.koji.session import Hub
from mbs.koji.snapshot import TaskKey, TaskSnapshot, poll
from mbs.koji.tagging import TagContents, Tagging, contents, ensure_tagged, package_of, unlisted
from mbs.model.errors import BuildFailed
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan
from mbs.model.states import ComponentState
from mbs.registry import Registry
from mbs.registry.rows import ComponentRow, Finished
from mbs.steps import AwaitImport, AwaitRepo, AwaitRepoTask, Done, Log


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate waits for: the components of a batch, or (without any) the macros."""

    plan: BuildPlan
    batch: tuple[str, ...] = ()
    macros: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The components of the gate that are built for any arch at all."""
        planned = {component.name for component in self.plan.components if component.arches}
        return frozenset(planned & set(self.batch)) | ({MACROS} if self.macros else frozenset())


def pass_gate(hub: Hub, registry: Registry, gate: Gate, log: Log) -> Done | AwaitImport | AwaitRepo | AwaitRepoTask:
    """Tag the gate's builds when all are complete, and ask for a repository that contains them.

    They go into the build tag and the module's tag, those needed at build time only into the build tag (§14.2). Raises
    BuildFailed, HubRefused, HubUnavailable, RegistryUnavailable.
    """
    everything = registry.components.of(gate.plan.build_id)
    rows = {row.name: row for row in everything if row.name in gate.names}
    built = _built(hub, rows)
    importing = _unfinished(hub, [row.task_id for name, row in _waiting(rows).items() if name not in built])
    if importing:
        log(f"All arches are built; Koji still imports in task {', '.join(map(str, importing))}.")
        return AwaitImport(importing)
    nvrs = _complete(registry, gate, rows, built)
    event = _tag(hub, Tagging(gate.plan, nvrs), log)
    _record_tagged(registry, gate.plan, [row for row in rows.values() if row.name in nvrs])
    if _is_awaited(everything, gate):
        return _request(hub, gate.plan, event, log)
    log("Nothing is built right behind this gate, so it needs no repository.")
    return Done()


def _waiting(rows: Mapping[str, ComponentRow]) -> dict[str, ComponentRow]:
    """Give the components that are not recorded as complete."""
    return {name: row for name, row in rows.items() if row.state is not ComponentState.COMPLETE}


def _built(hub: Hub, rows: Mapping[str, ComponentRow]) -> dict[str, BuildInfo]:
    """Give what Koji has complete of the components that are not recorded so."""
    tasks = {name: row.task_id for name, row in _waiting(rows).items() if row.task_id is not None}
    builds = builds_of_tasks(hub, tasks.values())
    found = {name: builds.get(task_id) for name, task_id in tasks.items()}
    return {name: build for name, build in found.items() if build is not None and build.is_complete}


def _unfinished(hub: Hub, tasks: Iterable[int | None]) -> tuple[int, ...]:
    """Give the tasks that have not ended."""
    snapshots = poll(hub, (TaskKey(task_id) for task_id in tasks if task_id is not None))
    seen = (snapshot.task for snapshot in snapshots.values() if isinstance(snapshot, TaskSnapshot))
    return tuple(task.id for task in seen if not task.ended)


def _complete(
    registry: Registry, gate: Gate, rows: Mapping[str, ComponentRow], built: Mapping[str, BuildInfo]
) -> dict[str, str]:
    """Give the NVR of every component, and record it as complete. Raises BuildFailed."""
    failed = sorted(gate.names - (rows.keys() - _waiting(rows).keys()) - built.keys())
    if failed:
        msg = f"Component(s) {', '.join(failed)} failed to build. Clear their tasks to build them again."
        raise BuildFailed(msg)
    ends = {name: Finished(ComponentState.COMPLETE, build.nvr, koji_build_id=build.id) for name, build in built.items()}
    registry.components.finish(gate.plan.build_id, ends)
    known = {name: row.nvr for name, row in rows.items() if row.nvr is not None}
    return known | {name: build.nvr for name, build in built.items()}


def _tag(hub: Hub, tagging: Tagging, log: Log) -> int:
    """Let the builds into the tags, and see that the build tag gives these and no others of their packages.

    The next ones are built against them. Gives the event of the hub since which that is so.
    """
    found = contents(hub, tagging)
    _refuse_unlisted(tagging, found)
    tagged = ensure_tagged(hub, tagging, found)
    for tag, nvrs in tagged.new.items():
        log(f"Tagged into {tag}: {', '.join(nvrs) or 'nothing new'}.")
    if tagged.hidden:
        msg = (
            f"Tag {tagging.plan.build_tag} does not give {', '.join(tagged.hidden)}: another build of the package was "
            "tagged later. Untag that, then clear this task."
        )
        raise BuildFailed(msg)
    return tagged.event


def _refuse_unlisted(tagging: Tagging, found: TagContents) -> None:
    """Say what to do about a build whose package the tags do not take: its spec has another name."""
    problems = [
        f"Koji built component {name} as {tagging.nvrs[name]}, but package {package_of(tagging.nvrs[name])} is not in "
        f"the package list of tag {tag}."
        for name, tag in unlisted(tagging, found)
    ]
    if problems:
        advice = (
            "Name the package in buildopts.rpms.whitelist of the modulemd and submit it again; or have it added "
            "(koji add-pkg --owner OWNER TAG PACKAGE) and clear this task."
        )
        raise BuildFailed(" ".join([*problems, advice]))


def _record_tagged(registry: Registry, plan: BuildPlan, rows: Sequence[ComponentRow]) -> None:
    """Record where the builds are, unless it is known."""
    final = [row.name for row in rows if row.name != MACROS]
    if not all(row.tagged and (row.tagged_in_final or row.name == MACROS) for row in rows):
        with registry.transaction() as work:
            work.components.mark_tagged(plan.build_id, [row.name for row in rows], build=True)
            work.components.mark_tagged(plan.build_id, final, final=True)


def _is_awaited(rows: Sequence[ComponentRow], gate: Gate) -> bool:
    """Tell whether a component right behind the gate is still to be built: not the last batch, nor what is reused.

    MBS leaves out the repository after the last batch, and all of them when everything is reused (§15.4).
    """
    complete = {row.name for row in rows if row.state is ComponentState.COMPLETE}
    opened = {name for one in gate.plan.gates if one.components == gate.batch for name in one.before}
    return any(one.arches and one.name in opened - complete for one in gate.plan.components)


def _request(hub: Hub, plan: BuildPlan, event: int, log: Log) -> Done | AwaitRepo | AwaitRepoTask:
    """Ask for a repository of the build tag as it is since `event`."""
    match request_repo(hub, plan.build_tag, event):
        case RepoReady(repo):
            log(f"Repository {repo.id} is ready.")
            return Done(repo.id)
        case RepoRequested(request_id):
            log(f"Requested a repository of {plan.build_tag} (request {request_id}).")
            return AwaitRepo(request_id, event)
        case RepoTask(task_id):
            log(f"Started newRepo task {task_id} for {plan.build_tag}.")
            return AwaitRepoTask(task_id)
