"""Builds in Koji: how they are submitted, and found again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Self

from mbs.koji.faults import accepted
from mbs.koji.session import Hub, call
from mbs.model.errors import HubRefused
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan, PlannedComponent

CLOCKS_APART = timedelta(minutes=10)
"""How much the hub's clock may differ from the registry's."""


class BuildState(IntEnum):
    """Koji's states of a build."""

    BUILDING = 0
    COMPLETE = 1
    DELETED = 2
    FAILED = 3
    CANCELED = 4


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """A build of a package."""

    id: int
    nvr: str
    name: str
    release: str
    state: BuildState
    task_id: int | None

    @property
    def is_complete(self) -> bool:
        """Whether its RPMs are there."""
        return self.state is BuildState.COMPLETE

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Read what `getBuild`, `listBuilds` and `listTagged` say of a build."""
        return cls(
            id=answer["build_id"],
            nvr=answer["nvr"],
            name=answer["name"],
            release=answer["release"],
            state=BuildState(answer["state"]),
            task_id=answer["task_id"],
        )


def build_options(plan: BuildPlan, component: PlannedComponent, repo_id: int | None) -> dict[str, object]:
    """Give the options of Koji's `build` for a component: MBS's (§14.1), and the repository to build on.

    `arch_override` is a string, as Koji expects it (MBS passes a list).
    """
    options = _options(plan, component.name, repo_id)
    return {**options, "arch_override": " ".join(component.arch_override)} if component.arch_override else options


def macros_options(plan: BuildPlan) -> dict[str, object]:
    """Give the options for the macros, which come before the first gate: Koji itself waits for a new repository."""
    return _options(plan, MACROS, None)


def _options(plan: BuildPlan, package: str, repo_id: int | None) -> dict[str, object]:
    repository = {"wait_repo": True} if repo_id is None else {"repo_id": repo_id}
    return {"skip_tag": True, "mbs_artifact_name": package, "mbs_module_target": plan.target, **repository}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to submit for a component."""

    package: str
    source: str
    target: str
    options: Mapping[str, object]
    priority: int


def submit(hub: Hub, requests: Sequence[BuildRequest]) -> list[int | HubRefused]:
    """Submit up to `BATCH` builds in one request; gives for each its task, or why Koji refuses it.

    Where the answer is lost (HubUnavailable), `find_tasks` says what was made.
    """
    return hub.multicall_once(
        [call("build", one.source, one.target, dict(one.options), priority=one.priority) for one in requests]
    )


def find_tasks(hub: Hub, requests: Iterable[BuildRequest], since: datetime, known: Collection[int]) -> dict[str, int]:
    """Find by component the newest build task of ours with its source and target that nobody recorded (§14.4)."""
    options = {
        "owner": hub.call("getLoggedInUser")["id"],
        "method": "build",
        "parent": None,  # Koji has an index on tasks without a parent by their method, and none on owner or time
        "createdAfter": (since - CLOCKS_APART).timestamp(),
        "decode": True,
    }
    tasks = [task for task in hub.call("listTasks", options, {"order": "-id"}) if task["id"] not in known]
    found = {one.package: next((task["id"] for task in tasks if _is_of(task, one)), None) for one in requests}
    return {package: task_id for package, task_id in found.items() if task_id is not None}


def find_builds(
    hub: Hub, plan: BuildPlan, requests: Collection[BuildRequest], untagged: Collection[str]
) -> dict[str, BuildInfo]:
    """Find by component a complete build for this module build: tagged already, or untagged with our dist.

    Untagged ones are looked for only of the components that `untagged` names. MBS takes an untagged build in any state
    (§14.4); a failed one is no result, so only complete ones count here. What may be somebody else's (untagged, or of
    a package that is called otherwise and is on the whitelist) has to be built by us from the component's own source
    for its own target: a release that ends like ours proves nothing.
    """
    others = sorted(set(plan.packages) - {planned.name for planned in plan.components})
    names = sorted({*untagged, *(others if untagged else ())})
    answers = [
        accepted(one)
        for one in hub.multicall(
            [
                *(call("listTagged", tag, inherit=False, latest=True) for tag in (plan.build_tag, plan.koji_tag)),
                *(call("untaggedBuilds", name) for name in names),
            ]
        )
    ]
    tagged = _complete(row for rows in answers[:2] for row in rows)
    certain = {build.name: build for build in tagged}
    open_ = [one for one in requests if one.package not in certain]
    ours = [row["id"] for rows in answers[2:] for row in rows if row["release"].endswith(f".{plan.dist}")]
    likely = [build for build in tagged if build.name in others] if open_ else []
    if ours:
        likely += _complete(row for row in hub.multicall(call("getBuild", build_id) for build_id in ours) if row)
    found = {one.package: certain[one.package] for one in requests if one.package in certain}
    return {**_of_ours(hub, likely, open_), **found}


def _complete(rows: Iterable[Mapping[str, Any]]) -> list[BuildInfo]:
    return [build for build in map(BuildInfo.read, rows) if build.is_complete]


def _of_ours(hub: Hub, builds: Sequence[BuildInfo], requests: Iterable[BuildRequest]) -> dict[str, BuildInfo]:
    """Give by component the first build whose task is ours and was asked to build its source for its target."""
    made = [(build, build.task_id) for build in builds if build.task_id is not None]
    if not made:
        return {}
    questions = (call("getTaskInfo", task_id, request=True) for _, task_id in made)
    us, *tasks = map(accepted, hub.multicall([call("getLoggedInUser"), *questions]))
    ours = [(build, task) for (build, _), task in zip(made, tasks, strict=True) if task and task["owner"] == us["id"]]
    found = {one.package: next((build for build, task in ours if _is_of(task, one)), None) for one in requests}
    return {package: build for package, build in found.items() if build is not None}


def builds_of_tasks(hub: Hub, task_ids: Iterable[int]) -> dict[int, BuildInfo]:
    """Give the build of each task that has one: from the end of its SRPM stage on."""
    tasks = list(task_ids)
    answers = hub.multicall(call("listBuilds", taskID=task_id) for task_id in tasks)
    return {
        task: BuildInfo.read(accepted(rows)[0]) for task, rows in zip(tasks, answers, strict=True) if accepted(rows)
    }


def _is_of(task: Mapping[str, Any], wanted: BuildRequest) -> bool:
    """Tell whether a task builds this; a request that cannot be decoded is none of ours."""
    request = task["request"]
    return isinstance(request, list) and request[:2] == [wanted.source, wanted.target]
