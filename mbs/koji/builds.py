"""Builds in Koji: how they are submitted, found again, and tagged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Self

from mbs.errors import HubRefused
from mbs.koji.faults import accepted, raise_refused
from mbs.koji.session import Call, Hub, call
from mbs.macros.text import NAME as MACROS
from mbs.plan import BuildPlan, PlannedComponent

CLOCKS_APART = timedelta(minutes=10)
"""How much the hub's clock may differ from the registry's."""

TAG_ROUNDS = 3


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
    """Submit a build; gives its task. When the answer is lost (HubAway), `find_task` tells whether it was made."""
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


def find_build(hub: Hub, plan: BuildPlan, package: str) -> BuildInfo | None:
    """Find a complete build of the package for this module build: tagged already, or untagged with our dist.

    MBS takes an untagged build in any state (§14.4); a failed one is no result, so only complete ones count here.
    """
    answers = hub.multicall(
        (
            call("listTagged", plan.build_tag, package=package, inherit=False, latest=True),
            call("listTagged", plan.koji_tag, package=package, inherit=False, latest=True),
            call("untaggedBuilds", package),
        )
    )
    in_build_tag, in_tag, untagged = (accepted(answer) for answer in answers)
    ours = [build["id"] for build in untagged if build["release"].endswith(f".{plan.dist}")]
    candidates = [*in_build_tag, *in_tag, *hub.multicall(call("getBuild", build_id) for build_id in ours)]
    builds = [BuildInfo.read(candidate) for candidate in candidates if candidate]
    return next((build for build in builds if build.is_complete), None)


def builds_of_tasks(hub: Hub, task_ids: Iterable[int]) -> dict[int, BuildInfo]:
    """Give the build of each task that has one: from the end of its SRPM stage on."""
    tasks = list(task_ids)
    answers = hub.multicall(call("listBuilds", taskID=task_id) for task_id in tasks)
    return {
        task: BuildInfo.read(accepted(rows)[0]) for task, rows in zip(tasks, answers, strict=True) if accepted(rows)
    }


def ensure_tagged(hub: Hub, tag: str, nvrs: Sequence[str]) -> list[str]:
    """Tag builds that the tag does not have yet; gives these. Someone else may tag the same at the same time."""
    done: list[str] = []
    for _ in range(TAG_ROUNDS):
        absent = _absent(hub, tag, nvrs)
        if not absent:
            return done
        answers = hub.multicall(call("tagBuildBypass", tag, nvr) for nvr in absent)
        raise_refused(answers, races_pass=True)
        done += [nvr for nvr, answer in zip(absent, answers, strict=True) if not isinstance(answer, HubRefused)]
    msg = f"{', '.join(_absent(hub, tag, nvrs)) or 'a build'} does not stay in tag {tag}; someone else untags it"
    raise HubRefused(msg)


def unblock(hub: Hub, tag: str, packages: Collection[str]) -> None:
    """Let packages into a tag that blocked them until their own build was there (§14.2)."""
    listed = hub.call("listPackages", tagID=tag)
    blocked = [row["package_name"] for row in listed if row["blocked"] and row["package_name"] in packages]
    raise_refused(hub.multicall(call("packageListUnblock", tag, package) for package in blocked))


def not_latest(hub: Hub, tag: str, builds: Mapping[str, str]) -> list[str]:
    """Give the NVRs that are not what the tag gives for their package, which `builds` maps to NVRs.

    With the event of the tag's last change this proves what a repository contains (Koji's checkForBuilds).
    """
    questions: list[Call] = [call("listTagged", tag, package=name, inherit=True, latest=True) for name in builds]
    answers = hub.multicall(questions)
    latest = {row["nvr"] for answer in answers for row in accepted(answer)}
    return [nvr for nvr in builds.values() if nvr not in latest]


def _absent(hub: Hub, tag: str, nvrs: Sequence[str]) -> list[str]:
    tagged = {row["nvr"] for row in hub.call("listTagged", tag, inherit=False)}
    return [nvr for nvr in nvrs if nvr not in tagged]


def _is_of(task: Mapping[str, Any], source: str, target: str) -> bool:
    """Tell whether a task builds this; a request that cannot be decoded is none of ours."""
    request = task["request"]
    return isinstance(request, list) and request[:2] == [source, target]
