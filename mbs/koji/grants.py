"""What a hub lets this service do, and what it would refuse later: asked before a module build makes its first tag.

A permission that is missing shows in Koji only when it is needed: after the macros are built, or after everything is.
All questions here are such that any user may ask them; what an older hub cannot tell is not held against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mbs.errors import HubRefused
from mbs.koji.faults import KojiValue
from mbs.koji.session import Call, Hub, call
from mbs.naming import CONTENT_GENERATOR
from mbs.plan import BuildPlan

PERMISSIONS = ("tag", "target")
"""Needed for every module build: to make tags, and to make targets."""
BUILD_TYPE = "module"
POLICIES: Mapping[str, bool] = {"build_from_srpm": False, "build_from_repo_id": True, "build_rpm": True}
"""The hub's policies that a build task must pass, and whether the build that has to is one from a repository."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that a hub would refuse, and what mends it: mostly a command of a Koji administrator."""

    what: str
    remedy: str

    def __str__(self) -> str:
        """Give both as one sentence."""
        return f"{self.what}; mend it with: {self.remedy}"


@dataclass(frozen=True, slots=True)
class TagAccess:
    """Who may tag into a tag."""

    name: str
    permission: str | None = None
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Grants:
    """What a hub says of the user whom we are there. None is what it does not tell."""

    user: str | None
    permissions: frozenset[str] = frozenset()
    generators: frozenset[str] | None = None
    """Content generators that the user may import for."""
    build_types: frozenset[str] | None = None
    policies: Mapping[str, str | None] = field(default_factory=dict)
    """What the policies of POLICIES answer: `allow`, `deny` with a reason; None: no rule applies."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a module build, or the service as a whole, asks of a hub."""

    tag_permission: str | None
    """The permission that the service's own tags ask for."""
    imports: bool
    """Whether finished modules are imported."""
    tags: Sequence[TagAccess] = ()
    """Tags that exist and that builds are to be tagged into."""


def check(hub: Hub, plan: BuildPlan) -> None:
    """Refuse a module build that a later call would be refused for. Raises HubRefused with all reasons, HubAway."""
    ours, tags = questions(_base_tag(plan)), (plan.koji_tag, plan.build_tag, *plan.publication.candidate_tags)
    answers = hub.multicall((*ours, *(call("getTag", tag) for tag in tags)))
    own, build, *candidates = (_access(answer) for answer in answers[len(ours) :])
    wanted = next((tag for tag in candidates if tag), None)
    # What our own tags ask for is made what the plan says.
    made = [replace(tag, permission=None) if tag and plan.tag_permission else tag for tag in (own, build)]
    needs = Needs(plan.tag_permission, plan.publication.imported, [tag for tag in (*made, wanted) if tag])
    found = list(lacks(read(answers[: len(ours)]), needs))
    if found:
        raise HubRefused("; ".join(map(str, found)), code=1004)


def questions(base_tag: str | None) -> tuple[Call, ...]:
    """Give the calls whose answers `read` reads; `base_tag` is what the policies take for the build tag."""
    policies = (call("evalPolicy", name, _policy_data(base_tag, from_repo)) for name, from_repo in POLICIES.items())
    return call("getLoggedInUser"), call("getPerms"), call("listCGs"), call("listBTypes"), *policies


def read(answers: Sequence[KojiValue]) -> Grants:
    """Read the answers to `questions`, in their order."""
    user, permissions, generators, build_types, *policies = answers
    name = user["name"] if isinstance(user, dict) else None
    return Grants(
        user=name,
        permissions=frozenset(permissions) if isinstance(permissions, list) else frozenset(),
        generators=_ours(generators, name) if isinstance(generators, dict) else None,
        build_types=frozenset(each["name"] for each in build_types) if isinstance(build_types, list) else None,
        policies={
            name: answer for name, answer in zip(POLICIES, policies, strict=True) if not isinstance(answer, HubRefused)
        },
    )


def lacks(grants: Grants, needs: Needs) -> Iterator[Lack]:
    """Say what would be refused, in the order in which it is needed."""
    user = grants.user
    if user is None:
        yield Lack("nobody is logged in at the hub", "a login in the Airflow connection koji_default")
        return
    yield from _lacking_permissions(grants, user, needs.tag_permission)
    yield from _closed_tags(grants, user, needs.tags)
    yield from _policies(grants, user)
    if needs.imports:
        yield from _imports(grants, user)


def _lacking_permissions(grants: Grants, user: str, tag_permission: str | None) -> Iterator[Lack]:
    """An administrator may do everything but with a tag that asks for a permission: there Koji wants the very name."""
    missing = [name for name in PERMISSIONS if not grants.permissions & {name, "admin"}]
    for name in missing:
        yield Lack(f"{user} lacks the permission {name}", f"koji grant-permission {name} {user}")
    if tag_permission and tag_permission not in {*grants.permissions, *missing}:
        what = f"{user} lacks the permission {tag_permission}, for which our tags ask (setting koji_tag_permission)"
        yield Lack(what, f"koji grant-permission {tag_permission} {user}")


def _closed_tags(grants: Grants, user: str, tags: Sequence[TagAccess]) -> Iterator[Lack]:
    for tag in tags:
        if tag.locked:
            yield Lack(f"tag {tag.name} is locked", f"koji edit-tag --unlock {tag.name}")
        elif tag.permission and tag.permission not in grants.permissions:
            what = f"tag {tag.name} asks for the permission {tag.permission}, which {user} lacks"
            yield Lack(what, f"koji edit-tag --perm tag {tag.name}")


def _policies(grants: Grants, user: str) -> Iterator[Lack]:
    for name, answer in grants.policies.items():
        if not (answer or "").lower().startswith("allow"):
            what = f"the hub's policy {name} does not let {user} through"
            yield Lack(what, f"a first line `user {user} :: allow` of {name} in the section [policy] of hub.conf")


def _imports(grants: Grants, user: str) -> Iterator[Lack]:
    if grants.build_types is not None and BUILD_TYPE not in grants.build_types:
        yield Lack(f"the hub has no build type {BUILD_TYPE}", f"koji call addBType {BUILD_TYPE}")
    if grants.generators is not None and CONTENT_GENERATOR not in grants.generators:
        what = f"{user} may not import as the content generator {CONTENT_GENERATOR}"
        yield Lack(what, f"koji grant-cg-access {user} {CONTENT_GENERATOR} --new")


def _ours(generators: Mapping[str, KojiValue], user: str | None) -> frozenset[str]:
    return frozenset(name for name, one in generators.items() if user in one["users"])


def _access(tag: KojiValue) -> TagAccess | None:
    return TagAccess(tag["name"], tag["perm"], tag["locked"]) if isinstance(tag, dict) else None


def _base_tag(plan: BuildPlan) -> str | None:
    return next((one.koji_tag for one in reversed(plan.dependencies) if one.koji_tag), None)


def _policy_data(base_tag: str | None, from_repo: bool) -> dict[str, object]:
    """Describe a build of ours as kojid does to the hub's policies (BuildTask)."""
    data: dict[str, object] = {"source": "mbs/module-build-macros.src.rpm", "skip_tag": True, "scratch": False}
    return data | {"draft": False, "from_scm": from_repo, "repo_id": 1} | ({"build_tag": base_tag} if base_tag else {})
