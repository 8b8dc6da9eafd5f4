"""The Koji hub: what it tells any user who asks, and whether a module could be built and published there."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mbs.cli.doctor.finding import Finding, right, unseen, wrong
from mbs.koji.faults import KojiValue
from mbs.koji.grants import QUESTIONS, Grants, Lack, Needs, TagAccess, is_denied, lacks, policy_questions, read
from mbs.koji.session import Call, Hub, call
from mbs.koji.tags import BUILD_GROUPS
from mbs.model.errors import HubRefused

OLDEST = (1, 34)
"""The first release of Koji that this service speaks to."""
CHANNELS = {"default": "builds", "createrepo": "repositories"}
"""Channels of Koji in which its builders take our tasks, and what they do there."""
STRICT_POLICIES = ("build_from_srpm", "build_from_repo_id")
"""What a stock hub keeps for administrators."""
OF_STOCK = "default policy"
"""In the answer of a policy that nobody has written: it looks at no tag, so it says the same of every build of ours."""
SILENT = 600.0
"""Seconds after which a builder that has not called the hub is taken for dead; a living one calls every few seconds."""
WAITS_LONG = 900.0
"""Seconds after which kojira should have taken up a request for a repository."""
RECENT = 30 * 86400.0
"""Seconds for which a repository that was made says that kojira is alive."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base module that modules can be built against: what the registry says of it."""

    nsvc: str
    stream: str
    tag: str | None
    arches: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    """The tags to try for a module that is built against it, best first; none where modules are not tagged."""


@dataclass(frozen=True, slots=True)
class BaseTag:
    """The Koji tag of a base module, which every build tag inherits."""

    arches: frozenset[str]
    """With those that it inherits."""
    groups: Mapping[str, int]
    """Packages by build group, inherited ones included."""
    parents: int
    repositories: int
    """External ones, inherited ones included."""
    builds: int | None
    """Latest builds, inherited ones included; None where the hub does not count."""


@dataclass(frozen=True, slots=True)
class Builder:
    """A machine that is enabled."""

    name: str
    arches: frozenset[str]
    update: float | None
    """When it last called the hub, in seconds since 1970; None if never."""


@dataclass(frozen=True, slots=True)
class Repositories:
    """What shows whether kojira works; times in seconds since 1970."""

    waiting: tuple[float, ...] = ()
    """When the requests were made that no task was started for."""
    last: float | None = None
    """When the last one was made."""


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What a hub tells. None is what it does not tell."""

    version: str
    grants: Grants
    now: float
    tags: Mapping[str, BaseTag] = field(default_factory=dict)
    """By name, of those of the base modules that there are."""
    candidates: Mapping[str, TagAccess] = field(default_factory=dict)
    """By name, of the tags for the compose that there are."""
    builders: Mapping[str, tuple[Builder, ...]] = field(default_factory=dict)
    """By channel."""
    repositories: Repositories | None = None


def look(hub: Hub, bases: Sequence[Base]) -> HubFacts:
    """Ask for everything in a few multicalls. Raises HubUnavailable, HubRefused."""
    version = str(hub.call("getKojiVersion"))
    tags = sorted({base.tag for base in bases if base.tag})
    candidates = sorted({tag for base in bases for tag in base.candidates})
    answers = hub.multicall((*QUESTIONS, *policy_questions()))
    found = hub.multicall(call("getTag", name) for name in candidates)
    return HubFacts(
        version=version,
        grants=read(answers[: len(QUESTIONS)], answers[len(QUESTIONS) :]),
        now=time.time(),
        tags={name: tag for name in tags if (tag := _base_tag(hub, name))},
        candidates={tag["name"]: TagAccess(tag["name"], tag["perm"], tag["locked"]) for tag in found if _is(tag)},
        builders={channel: _builders(hub, channel) for channel in CHANNELS},
        repositories=_repositories(hub),
    )


def judge(facts: HubFacts, bases: Sequence[Base], needs: Needs, *, login: bool = True) -> Iterator[Finding]:
    """Say of everything whether it is right.

    `needs` are those of the service, without tags; without `login` the hub was asked as nobody for want of a password.
    """
    yield _version(facts.version)
    if login:
        yield from _grants(facts, bases, needs)
    else:
        what = "what we may do there was not looked at: Airflow does not tell the password of its connection"
        yield unseen(what, "MBS_KOJI_USER and MBS_KOJI_PASSWORD in the environment")
    for base in bases:
        yield from _base(base, facts)
    yield from _candidates(facts, bases)
    yield from _builders_alive(facts, {arch for base in bases for arch in _arches(base, facts)})
    yield _kojira(facts, next((base.tag for base in bases if base.tag), None))


def _version(text: str) -> Finding:
    number = tuple(map(int, re.findall(r"\d+", text)[:2]))
    if number < OLDEST:
        return wrong(f"Koji {text} is older than {OLDEST[0]}.{OLDEST[1]}", "an update of the hub")
    return right(f"Koji {text}")


def _grants(facts: HubFacts, bases: Sequence[Base], needs: Needs) -> Iterator[Finding]:
    grants = facts.grants
    tags = [facts.candidates[tag] for base in bases if (tag := _candidate(base, facts))]
    wanted = Needs(needs.tag_permission, needs.imports, list(dict.fromkeys(tags)))
    open_ = {name: said for name, said in grants.policies.items() if is_denied(said) and OF_STOCK not in (said or "")}
    certain = {name: said for name, said in grants.policies.items() if name not in open_}
    lacking: list[Lack] = list(lacks(replace(grants, policies=certain), wanted))
    yield from (wrong(lack.what, lack.remedy) for lack in lacking)
    if not lacking:
        held = ", ".join(sorted(grants.permissions)) or "none"
        yield right(f"logged in as {grants.user}, who has all grants that are needed (permissions: {held})")
    if silent := [name for name in STRICT_POLICIES if grants.user and name not in certain]:
        what = f"what the hub's policy {' and '.join(silent)} says of a build is known when it has a tag"
        yield unseen(what, f"a rule that lets {grants.user} through, in the section [policy] of hub.conf")
    if needs.imports and (grants.generators is None or grants.build_types is None):
        yield unseen("this hub does not tell whether modules can be imported: build type and content generator")


def _base(base: Base, facts: HubFacts) -> Iterator[Finding]:
    if base.tag is None:
        yield unseen(f"{base.nsvc} has no Koji tag; what is built against it gets no packages from it")
        return
    tag = facts.tags.get(base.tag)
    if tag is None:
        what = f"{base.nsvc} names the tag {base.tag}, which Koji does not have"
        yield wrong(what, f"koji add-tag --arches '{' '.join(base.arches) or 'x86_64'}' {base.tag}")
        return
    found = list(_base_tag_faults(base.tag, base, tag))
    yield from found
    if not found:
        content = "" if tag.builds is None else f", {tag.builds:,} builds"
        repositories = f", {tag.repositories} external repositories" if tag.repositories else ""
        yield right(f"{base.nsvc}: tag {base.tag} for {' '.join(sorted(tag.arches))}{content}{repositories}")


def _base_tag_faults(name: str, base: Base, tag: BaseTag) -> Iterator[Finding]:
    absent = sorted(set(base.arches) - tag.arches) if tag.arches else []
    if not tag.arches:
        yield wrong(f"tag {name} has no arches", f"koji edit-tag --arches '{' '.join(base.arches) or 'x86_64'}' {name}")
    if absent:
        arches = " ".join(sorted(tag.arches | set(base.arches)))
        what = f"{base.nsvc} is for {' '.join(absent)}, for which tag {name} is not"
        yield wrong(what, f"koji edit-tag --arches '{arches}' {name}, or an import of the base module without")
    for group in BUILD_GROUPS:
        if not tag.groups.get(group):
            how = f"koji add-group {name} {group}; koji add-group-pkg {name} {group} bash ..."
            yield wrong(f"tag {name} has no packages in the group {group}, so no buildroot could be made", how)
    if tag.builds == 0 and not tag.repositories:
        how = f"koji add-external-repo -t {name} NAME URL, or inherit the distribution's tag"
        yield wrong(f"tag {name} has neither builds nor external repositories: buildroots would be empty", how)


def _candidate(base: Base, facts: HubFacts) -> str | None:
    return next((tag for tag in base.candidates if tag in facts.candidates), None)


def _candidates(facts: HubFacts, bases: Sequence[Base]) -> Iterator[Finding]:
    wanted = {base.candidates: base for base in bases if base.candidates}
    for tags, base in wanted.items():
        tag = _candidate(base, facts)
        if tag is None:
            what = f"there is no tag {' or '.join(tags)} for modules that are built against {base.nsvc}"
            yield wrong(what, f"koji add-tag {tags[0]}, or the setting koji_cg_tag_build switched off")
        else:
            yield right(f"modules built against {base.nsvc} are tagged {tag} for the compose")


def _arches(base: Base, facts: HubFacts) -> frozenset[str]:
    tag = facts.tags.get(base.tag or "")
    return tag.arches if tag else frozenset(base.arches)


def _builders_alive(facts: HubFacts, arches: set[str]) -> Iterator[Finding]:
    for channel, purpose in CHANNELS.items():
        enabled = facts.builders.get(channel, ())
        alive = [one for one in enabled if _alive(one, facts.now)]
        wanted = arches if channel == "default" else set()  # repositories of every arch are made anywhere
        absent = sorted(arch for arch in wanted if not any(arch in one.arches for one in alive))
        if not alive:
            what = f"no builder for {purpose} is alive in the channel {channel} ({len(enabled)} enabled)"
            yield wrong(what, f"koji list-hosts --channel {channel}; start kojid, or: koji enable-host HOST")
        elif absent:
            what = f"no living builder of the channel {channel} is for {' '.join(absent)}"
            yield wrong(what, "koji list-hosts; start kojid there, or: koji edit-host --arches '...' HOST")
        else:
            yield right(f"{len(alive)} builders for {purpose} are alive")


def _alive(builder: Builder, now: float) -> bool:
    return builder.update is not None and now - builder.update < SILENT


def _kojira(facts: HubFacts, tag: str | None) -> Finding:
    made = facts.repositories
    if made is None:
        return unseen("this hub does not tell of its repositories; kojira must run")
    late = [since for since in made.waiting if facts.now - since > WAITS_LONG]
    if late and not (made.last and facts.now - made.last < WAITS_LONG):  # a busy kojira is not a dead one
        minutes = (facts.now - min(late)) / 60
        what = f"{len(late)} requests for a repository wait without a task, the oldest for {minutes:.0f} min"
        return wrong(what, "systemctl start kojira, on the machine that has it; it needs the permission repo")
    if made.last and facts.now - made.last < RECENT:
        when = dt.datetime.fromtimestamp(made.last, dt.UTC)
        return right(f"kojira makes repositories (the last one {when:%Y-%m-%d %H:%M} UTC)")
    how = f"koji request-repo {tag or 'TAG'}"
    return unseen("whether kojira runs cannot be seen: no repository was made in the last 30 days", how)


def _base_tag(hub: Hub, name: str) -> BaseTag | None:
    config, groups, parents, repositories, builds = hub.multicall(
        (
            call("getBuildConfig", name),
            call("getTagGroups", name),
            call("getFullInheritance", name),
            call("getExternalRepoList", name),
            call("count", "listTagged", name, inherit=True, latest=True),
        )
    )
    if not _is(config):
        return None
    return BaseTag(
        arches=frozenset((config["arches"] or "").split()),
        groups={each["name"]: len(each["packagelist"]) for each in groups} if isinstance(groups, list) else {},
        parents=len(parents) if isinstance(parents, list) else 0,
        repositories=len(repositories) if isinstance(repositories, list) else 0,
        builds=builds if isinstance(builds, int) else None,
    )


def _builders(hub: Hub, channel: str) -> tuple[Builder, ...]:
    try:
        rows = hub.call("listHosts", channelID=channel, enabled=True)
    except HubRefused:
        return ()  # there is no such channel
    updates = hub.multicall(call("getLastHostUpdate", row["id"], ts=True) for row in rows)
    return tuple(
        Builder(row["name"], frozenset(row["arches"].split()), update if isinstance(update, int | float) else None)
        for row, update in zip(rows, updates, strict=True)
    )


def _repositories(hub: Hub) -> Repositories | None:
    clauses, fields = [["active", "IS", True], ["task_id", "IS", None]], ["create_ts"]
    made = {"method": "newRepo", "state": [2], "decode": False}
    calls: tuple[Call, ...] = (
        call("repo.queryQueue", clauses, fields),
        call("listTasks", opts=made, queryOpts={"limit": 1, "order": "-id"}),
    )
    queue, tasks = hub.multicall(calls)
    if not isinstance(queue, list) and not isinstance(tasks, list):
        return None
    waiting = tuple(row["create_ts"] for row in queue) if isinstance(queue, list) else ()
    last = next((task["completion_ts"] for task in tasks), None) if isinstance(tasks, list) else None
    return Repositories(waiting, last)


def _is(answer: KojiValue) -> bool:
    return isinstance(answer, Mapping) and bool(answer)
