"""A module's tag, build tag, package lists, groups, target and inheritance: what there should be, and the calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mbs.koji.faults import KojiValue, accepted, raise_refused
from mbs.koji.grants import TagAccess, check, check_policies, policy_questions_of, questions_of
from mbs.koji.session import Call, Hub, call
from mbs.model.errors import HubRefused
from mbs.model.naming import MACROS
from mbs.model.plan import BuildPlan, PlannedDependency

ROUNDS = 4
"""Create and fill, see that it is complete; and as many again for those who race with us."""


BUILD_GROUPS = ("build", "srpm-build")
"""What mock installs before a build, and before an SRPM is made."""


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tag that exists."""

    arches: frozenset[str]
    permission: str | None
    locked: bool
    extra: Mapping[str, Any]
    packages: Mapping[str, bool] = field(default_factory=dict)
    """Own package list: whether each is blocked."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the hub has of a module build; None is what it has not."""

    us: str | None
    """Our user; None where nobody is logged in."""
    owner: str
    """Of the package lists: the packager, or this service where the hub does not know the packager."""
    tag: TagFacts | None = None
    build_tag: TagFacts | None = None
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Packages by group of the build tag, inherited ones included: what is inherited is not added again."""
    target: tuple[str, str] | None = None
    """Names of the target's build tag and destination tag."""
    built: frozenset[str] = frozenset()
    """Packages that have a build in the build tag itself."""


@dataclass(frozen=True, slots=True)
class TagsMade:
    """What was done to have the tags of a module build."""

    changes: int
    """In Koji."""
    are_new: bool
    """Whether there was none of them before."""


def ensure_tags(hub: Hub, plan: BuildPlan) -> TagsMade:
    """Make everything of §12.2 that is not there. Raises HubRefused, HubUnavailable.

    What the hub would refuse to a later step of the build is refused before the first change; what its policies refuse,
    which look at the tags, when these are made.
    """
    found, answers = _look(hub, plan, questions_of(plan))
    before = [(name, tag) for name, tag in _tags(plan, found) if tag is not None]
    check(plan, answers, [TagAccess(name, tag.permission, tag.locked) for name, tag in before])
    made = 0
    for _ in range(ROUNDS):
        steps = missing(plan, found)
        made += len(steps)
        _act(hub, steps)
        found, answers = _look(hub, plan, policy_questions_of(plan))
        if not missing(plan, found):
            check_policies(answers, found.us)
            return TagsMade(made, are_new=not before)
    msg = f"tag {plan.koji_tag} does not stay as it is made; someone else changes it"
    raise HubRefused(msg)


def fill_groups(tag: str, groups: Mapping[str, frozenset[str]], package: str) -> Iterator[Call]:
    """Give the calls that have a package installed in every build root and SRPM build root of a tag."""
    for name in BUILD_GROUPS:
        if name not in groups:
            yield call("groupListAdd", tag, name)
        if package not in groups.get(name, ()):
            yield call("groupPackageListAdd", tag, name, package)


def _look(hub: Hub, plan: BuildPlan, others: Sequence[Call]) -> tuple[Found, list[KojiValue]]:
    """Find what there is, and ask something else, in one multicall; gives also the answers to that."""
    questions = (
        call("getTag", plan.koji_tag),
        call("getTag", plan.build_tag),
        call("listPackages", tagID=plan.koji_tag),
        call("listPackages", tagID=plan.build_tag),
        call("getTagGroups", plan.build_tag),
        call("listTagged", plan.build_tag, inherit=False),
        call("getBuildTarget", plan.target),
        call("getUser", plan.owner),
        call("getLoggedInUser"),
    )
    answers = hub.multicall((*questions, *others))
    return _found(plan, answers[: len(questions)]), answers[len(questions) :]


def _found(plan: BuildPlan, answers: Sequence[KojiValue]) -> Found:
    tag, build_tag, packages, build_packages, groups, tagged, target, user, us = answers
    raise_refused((tag, build_tag, target, us))
    return Found(
        us=us["name"] if us else None,
        owner=plan.owner if isinstance(user, dict) or not us else us["name"],
        tag=_tag(tag, packages),
        build_tag=_tag(build_tag, build_packages),
        groups=package_groups(groups) if build_tag else {},
        target=(target["build_tag_name"], target["dest_tag_name"]) if target else None,
        built=frozenset(build["package_name"] for build in accepted(tagged)) if build_tag else frozenset(),
    )


def missing(plan: BuildPlan, found: Found) -> tuple[Call, ...]:
    """Give the calls to be made, the tags first, as all others need them. Raises HubRefused."""
    tag, build_tag = found.tag or _fresh(plan), found.build_tag or _fresh(plan)
    return (
        *(_create(plan, name) for name, made in _tags(plan, found) if made is None),
        *_edit(plan, plan.koji_tag, tag),
        *_edit(plan, plan.build_tag, build_tag),
        *_list_packages(plan.packages, plan.koji_tag, tag, found.owner),
        *_list_packages((*plan.packages, MACROS), plan.build_tag, build_tag, found.owner),
        *_block(plan, build_tag, found.built),
        *_fill_groups(plan, found.groups),
        *_target(plan, found.target),
    )


def _tags(plan: BuildPlan, found: Found) -> Iterator[tuple[str, TagFacts | None]]:
    yield plan.koji_tag, found.tag
    yield plan.build_tag, found.build_tag


def _fresh(plan: BuildPlan) -> TagFacts:
    """Give a tag as `_create` makes it."""
    return TagFacts(frozenset(plan.arches), plan.tag_permission, locked=False, extra=plan.tag_extra)


def _create(plan: BuildPlan, name: str) -> Call:
    permission = {"perm": plan.tag_permission} if plan.tag_permission else {}
    return call("createTag", name, arches=_arches(plan), extra=dict(plan.tag_extra), **permission)


def _edit(plan: BuildPlan, name: str, tag: TagFacts) -> Iterator[Call]:
    """Edit what differs, if anything does."""
    changed: dict[str, object] = {}
    if tag.arches != frozenset(plan.arches):
        changed["arches"] = _arches(plan)
    if plan.tag_permission and tag.permission != plan.tag_permission:
        changed["perm"] = plan.tag_permission
    extra = {key: value for key, value in plan.tag_extra.items() if key not in tag.extra or tag.extra[key] != value}
    if extra:
        changed["extra"] = extra
    if changed and tag.locked:
        msg = f"tag {name} is locked and differs in {', '.join(changed)}; a Koji administrator can unlock it"
        raise HubRefused(msg, code=1004)
    if changed:
        yield call("editTag2", name, **changed)


def _list_packages(packages: Collection[str], name: str, tag: TagFacts, owner: str) -> Iterator[Call]:
    for package in packages:
        if package not in tag.packages:
            yield call("packageListAdd", name, package, owner)


def _block(plan: BuildPlan, build_tag: TagFacts, built: Collection[str]) -> Iterator[Call]:
    """Block what the base must not give, until the module's own build of it is there (the gate unblocks it)."""
    for package in plan.blocked_packages:
        listed_first = package in plan.packages and package not in build_tag.packages
        if not (build_tag.packages.get(package) or package in built or listed_first):
            yield call("packageListBlock", plan.build_tag, package)


def _fill_groups(plan: BuildPlan, groups: Mapping[str, frozenset[str]]) -> Iterator[Call]:
    for group in plan.groups:
        if group.name not in groups:
            yield call("groupListAdd", plan.build_tag, group.name)
        for package in group.packages:
            if package not in groups.get(group.name, ()):
                yield call("groupPackageListAdd", plan.build_tag, group.name, package)


def _target(plan: BuildPlan, target: tuple[str, str] | None) -> Iterator[Call]:
    wanted = (plan.build_tag, plan.koji_tag)
    if target is None:
        yield call("createBuildTarget", plan.target, *wanted)
    elif target != wanted:
        msg = (
            f"target {plan.target} builds in {target[0]} for {target[1]}, not in {wanted[0]} for {wanted[1]}; "
            "a Koji administrator has to look what uses it"
        )
        raise HubRefused(msg)


def _act(hub: Hub, steps: Collection[Call]) -> None:
    """Make the calls; who lost a race looks again."""
    raise_refused(hub.multicall(steps), races_pass=True)


def _tag(tag: KojiValue, packages: KojiValue) -> TagFacts | None:
    if tag is None:
        return None
    return TagFacts(
        arches=frozenset((tag["arches"] or "").split()),
        permission=tag["perm"],
        locked=tag["locked"],
        extra=tag["extra"],
        packages={package["package_name"]: bool(package["blocked"]) for package in accepted(packages)},
    )


def package_groups(groups: KojiValue) -> Mapping[str, frozenset[str]]:
    """Read the packages by group in an answer of `getTagGroups`; what is blocked is left out."""
    return {
        group["name"]: frozenset(listed["package"] for listed in group["packagelist"] if not listed["blocked"])
        for group in accepted(groups)
        if not group["blocked"]
    }


def _arches(plan: BuildPlan) -> str:
    return " ".join(sorted(plan.arches))


Link: TypeAlias = Mapping[str, Any]
"""One row of `getInheritanceData` / `setInheritanceData`."""

STEP = 10
"""Between priorities, so that a person can put a tag in between."""


def ensure_inheritance(hub: Hub, plan: BuildPlan) -> bool:
    """Link the dependencies' tags; gives whether anything changed. Raises HubRefused, HubUnavailable."""
    wanted = [dependency for dependency in plan.dependencies if dependency.koji_tag]
    questions = [call("getTag", dependency.koji_tag) for dependency in wanted]
    existing, *tags = hub.multicall([call("getInheritanceData", plan.build_tag), *questions])
    raise_refused((existing, *tags))
    links = desired_links(_parents(wanted, tags), existing)
    if links is None:
        return False
    hub.call("setInheritanceData", plan.build_tag, links)
    return True


def desired_links(parents: Mapping[int, int], existing: Sequence[Link]) -> list[dict[str, Any]] | None:
    """Give the whole inheritance, or None if it is as it should be; `parents` maps tag ids to priorities.

    A tag that someone else linked stays, after the plan's own.
    """
    kept = [link for link in sorted(existing, key=_priority) if link["parent_id"] not in parents]
    first = max(parents.values(), default=0) + STEP
    priorities = {**parents, **{link["parent_id"]: first + STEP * place for place, link in enumerate(kept)}}
    if {link["parent_id"]: link["priority"] for link in existing} == priorities:
        return None
    foreign = {link["parent_id"]: link for link in kept}
    return [_link(parent, priority, foreign.get(parent)) for parent, priority in priorities.items()]


def _link(parent: int, priority: int, existing: Link | None) -> dict[str, Any]:
    rule = {"maxdepth": None, "intransitive": False, "noconfig": False, "pkg_filter": ""}
    kept = {key: existing[key] for key in rule} if existing is not None else {}
    return {"parent_id": parent, "priority": priority, **rule, **kept}


def _parents(dependencies: Sequence[PlannedDependency], tags: Sequence[Any]) -> dict[int, int]:
    absent = [str(dependency.koji_tag) for dependency, tag in zip(dependencies, tags, strict=True) if tag is None]
    if absent:
        msg = f"there is no tag {', '.join(absent)}; was the module deleted from Koji, or imported with another tag?"
        raise HubRefused(msg)
    return {tag["id"]: dependency.priority for dependency, tag in zip(dependencies, tags, strict=True)}


def _priority(link: Link) -> int:
    priority: int = link["priority"]
    return priority
