"""What a hub lets this service do, and what it would refuse later: asked before a module build makes its first tag.

A permission that is missing shows in Koji only when it is needed: after the macros are built, or after everything is.
All questions here are such that any user may ask them; what an older hub cannot tell is not held against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mbs.koji.faults import KojiValue
from mbs.koji.session import Call, call
from mbs.model.errors import HubRefused
from mbs.model.naming import CONTENT_GENERATOR
from mbs.model.plan import BuildPlan

PERMISSIONS = ("tag", "target")
"""Needed for every module build: to make tags, and to make targets."""
BUILD_TYPE = "module"
POLICIES: Mapping[str, bool] = {"build_from_srpm": False, "build_from_repo_id": True, "build_rpm": True}
"""The hub's policies that our build tasks must pass (kojid's BuildTask), and whether it is one from git that has to."""
MACROS_SRPM = "mbs/module-build-macros.src.rpm"
QUESTIONS = (call("getLoggedInUser"), call("getPerms"), call("listCGs"), call("listBTypes"))
"""Calls whose answers `read` reads."""


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


def questions_of(plan: BuildPlan) -> tuple[Call, ...]:
    """Give the calls of which `check` reads the answers."""
    return (*QUESTIONS, *(call("getTag", tag) for tag in plan.publication.candidate_tags))


def check(plan: BuildPlan, answers: Sequence[KojiValue], own: Iterable[TagAccess]) -> None:
    """Refuse what a later call would be refused for; `own` are those tags of the module that exist.

    Raises HubRefused with all reasons.
    """
    wanted = next((tag for tag in map(_access, answers[len(QUESTIONS) :]) if tag), None)
    # What our own tags ask for is made what the plan says.
    made = [replace(tag, permission=None) if plan.tag_permission else tag for tag in own]
    needs = Needs(plan.tag_permission, plan.publication.imported, [*made, *([wanted] if wanted else [])])
    _refuse(lacks(read(answers[: len(QUESTIONS)]), needs))


def policy_questions_of(plan: BuildPlan) -> tuple[Call, ...]:
    """Give the calls of which `check_policies` reads the answers. Policies look at tag and target."""
    source = next((component.source for component in plan.components), MACROS_SRPM)
    return policy_questions(build_tag=plan.build_tag, target=plan.target, source=source)


def check_policies(answers: Sequence[KojiValue], user: str | None) -> None:
    """Refuse a build whose tasks the hub's policies would not let through. Raises HubRefused with all reasons."""
    if user is not None:
        _refuse(_denials(policies_of(answers), user))


def policy_questions(**build: object) -> tuple[Call, ...]:
    """Give the calls that ask POLICIES about our builds; `policies_of` reads their answers.

    `build` is what is known of them: build_tag, target, source. A policy that looks at what is not given has no answer.
    """
    ours = {"skip_tag": True, "scratch": False, "draft": False, "repo_id": 1}
    macros = {"source": MACROS_SRPM, "from_scm": False}
    data = {name: {**ours, "from_scm": True, **build, **({} if scm else macros)} for name, scm in POLICIES.items()}
    return tuple(call("evalPolicy", name, data[name]) for name in POLICIES)


def policies_of(answers: Sequence[KojiValue]) -> dict[str, str | None]:
    """Give what each policy says; those that the hub does not have, or does not tell, are left out."""
    answered = zip(POLICIES, answers, strict=True)
    return {name: answer for name, answer in answered if not isinstance(answer, HubRefused)}


def read(answers: Sequence[KojiValue], policies: Sequence[KojiValue] = ()) -> Grants:
    """Read the answers to QUESTIONS, and to `policy_questions` where they were asked."""
    user, permissions, generators, build_types = answers
    name = user["name"] if isinstance(user, dict) else None
    return Grants(
        user=name,
        permissions=frozenset(permissions) if isinstance(permissions, list) else frozenset(),
        generators=_ours(generators, name) if isinstance(generators, dict) else None,
        build_types=frozenset(each["name"] for each in build_types) if isinstance(build_types, list) else None,
        policies=policies_of(policies) if policies else {},
    )


def lacks(grants: Grants, needs: Needs) -> Iterator[Lack]:
    """Say what would be refused, in the order in which it is needed."""
    user = grants.user
    if user is None:
        yield Lack("nobody is logged in at the hub", "a login in the Airflow connection koji_default")
        return
    yield from _lacking_permissions(grants, user, needs.tag_permission)
    yield from _closed_tags(grants, user, needs.tags)
    yield from _denials(grants.policies, user)
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


def _denials(policies: Mapping[str, str | None], user: str) -> Iterator[Lack]:
    for name, answer in policies.items():
        if is_denied(answer):
            what = f"the hub's policy {name} does not let {user} through"
            yield Lack(what, f"a first line `user {user} :: allow` of {name} in the section [policy] of hub.conf")


def is_denied(answer: str | None) -> bool:
    """Tell whether a policy that says this stops a build; one of which no rule applies does."""
    return not (answer or "").lower().startswith("allow")


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


def _refuse(found: Iterable[Lack]) -> None:
    if reasons := [str(lack) for lack in found]:
        raise HubRefused("; ".join(reasons), code=1004)
