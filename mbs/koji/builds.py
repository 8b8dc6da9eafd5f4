"""Builds in Koji: how they are submitted, and found again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Self

from mbs.koji.faults import accepted
from mbs.koji.session import Call, Hub, call
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


def submit(hub: Hub, plan: BuildPlan, source: str, target: str, options: Mapping[str, object]) -> int:
    """Submit a build; gives its task. Where the answer is lost (HubUnavailable), `find_task` says if it was made."""
    task_id: int = hub.call_once("build", source, target, dict(options), priority=plan.koji_priority)
    return task_id


def find_task(hub: Hub, source: str, target: str, since: datetime, known: Collection[int]) -> int | None:
    """Find the newest build task of ours with this source and target that nobody recorded (§14.4)."""
    options = {
        "owner": hub.call("getLoggedInUser")["id"],
        "method": "build",
        "createdAfter": (since - CLOCKS_APART).timestamp(),
        "decode": True,
    }
    tasks = hub.call("listTasks", options, {"order": "-id"})
    return next((task["id"] for task in tasks if _is_of(task, source, target) and task["id"] not in known), None)


def find_build(hub: Hub, plan: BuildPlan, component: str, source: str, target: str) -> BuildInfo | None:
    """Find a complete build of a component for this module build: tagged already, or untagged with our dist.

    MBS takes an untagged build in any state (§14.4); a failed one is no result, so only complete ones count here. What
    may be somebody else's (untagged, or of a package that is called otherwise and is on the whitelist) has to be built
    by us from the component's own source for its own target: a release that ends like ours proves nothing.
    """
    others = sorted(set(plan.packages) - {planned.name for planned in plan.components} - {component})
    tags, names = (plan.build_tag, plan.koji_tag), (component, *others)
    listed = [
        (name, call("listTagged", tag, package=name, inherit=False, latest=True)) for name in names for tag in tags
    ]
    answers = [accepted(one) for one in hub.multicall([*(one for _, one in listed), *_untagged(names)])]
    tagged = [(name, row) for (name, _), rows in zip(listed, answers, strict=False) for row in rows]
    ours = [row["id"] for rows in answers[len(listed) :] for row in rows if row["release"].endswith(f".{plan.dist}")]
    untagged = [row for row in hub.multicall(call("getBuild", build_id) for build_id in ours) if row]
    certain = _complete(row for name, row in tagged if name == component)
    likely = _complete([*(row for name, row in tagged if name != component), *untagged])
    return next(iter(certain or _of_ours(hub, likely, source, target)), None)


def _untagged(packages: Iterable[str]) -> Iterator[Call]:
    for package in packages:
        yield call("untaggedBuilds", package)


def _complete(rows: Iterable[Mapping[str, Any]]) -> list[BuildInfo]:
    return [build for build in map(BuildInfo.read, rows) if build.is_complete]


def _of_ours(hub: Hub, builds: Iterable[BuildInfo], source: str, target: str) -> list[BuildInfo]:
    """Give the builds whose task is ours and was asked to build this source for this target."""
    made = [(build, build.task_id) for build in builds if build.task_id is not None]
    if not made:
        return []
    questions = (call("getTaskInfo", task_id, request=True) for _, task_id in made)
    us, *tasks = map(accepted, hub.multicall([call("getLoggedInUser"), *questions]))
    return [
        build
        for (build, _), task in zip(made, tasks, strict=True)
        if task and task["owner"] == us["id"] and _is_of(task, source, target)
    ]


def builds_of_tasks(hub: Hub, task_ids: Iterable[int]) -> dict[int, BuildInfo]:
    """Give the build of each task that has one: from the end of its SRPM stage on."""
    tasks = list(task_ids)
    answers = hub.multicall(call("listBuilds", taskID=task_id) for task_id in tasks)
    return {
        task: BuildInfo.read(accepted(rows)[0]) for task, rows in zip(tasks, answers, strict=True) if accepted(rows)
    }


def _is_of(task: Mapping[str, Any], source: str, target: str) -> bool:
    """Tell whether a task builds this; a request that cannot be decoded is none of ours."""
    request = task["request"]
    return isinstance(request, list) and request[:2] == [source, target]
