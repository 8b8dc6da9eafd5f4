"""What is said of a hub: from facts alone, and from what devhub tells."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pytest

from mbs.cli.doctor.finding import Verdict
from mbs.cli.doctor.hub import Base, BaseTag, Builder, HubFacts, Repositories, judge, look
from mbs.koji.faults import KojiValue
from mbs.koji.grants import Grants, Needs, TagAccess
from mbs.koji.session import Call, HubAccount, HubSession
from mbs.model.errors import HubRefused
from tests.conftest import RunningHub

NEEDS = Needs("tag", imports=True)
NOW = 1_800_000_000.0
BASE = Base("platform:f40:1:0", "f40", "f40-build", ("aarch64", "x86_64"), ("f40-candidate", "candidate"))
TAG = BaseTag(frozenset({"aarch64", "x86_64"}), {"build": 5, "srpm-build": 3}, parents=2, repositories=1, builds=0)
GRANTS = Grants(
    "mbs",
    frozenset({"tag", "target"}),
    frozenset({"module-build-service"}),
    frozenset({"rpm", "module"}),
    {"build_from_srpm": "allow", "build_from_repo_id": "allow"},
)
STOCK = {"build_from_srpm": "deny Only admin can do this via default policy", "build_from_repo_id": "allow"}
BUILDERS = (Builder("one", frozenset({"x86_64", "noarch"}), NOW - 5), Builder("two", frozenset({"aarch64"}), NOW - 9))
GOOD = HubFacts(
    "1.35.3",
    GRANTS,
    NOW,
    {"f40-build": TAG},
    {"f40-candidate": TagAccess("f40-candidate")},
    {"default": BUILDERS, "createrepo": BUILDERS[:1]},
    Repositories(last=NOW - 3600),
)


def told(facts: HubFacts, verdict: Verdict, bases: Iterable[Base] = (BASE,)) -> list[str]:
    found = judge(facts, tuple(bases), NEEDS)
    return [f"{finding.text} | {finding.remedy}" for finding in found if finding.verdict is verdict]


def test_a_hub_that_has_everything_is_right_in_everything() -> None:
    assert told(GOOD, Verdict.WRONG) == told(GOOD, Verdict.UNSEEN) == []
    assert told(GOOD, Verdict.RIGHT) == [
        "Koji 1.35.3 | ",
        "logged in as mbs, who has all grants that are needed (permissions: tag, target) | ",
        "platform:f40:1:0: tag f40-build for aarch64 x86_64, 0 builds, 1 external repositories | ",
        "modules built against platform:f40:1:0 are tagged f40-candidate for the compose | ",
        "2 builders for builds are alive | ",
        "1 builders for repositories are alive | ",
        "kojira makes repositories (the last one 2027-01-15 07:00 UTC) | ",
    ]


WRONG = [
    (replace(GOOD, version="1.33.2"), "Koji 1.33.2 is older than 1.34 | an update of the hub"),
    (replace(GOOD, grants=replace(GRANTS, permissions=frozenset({"tag"}))), "koji grant-permission target mbs"),
    (replace(GOOD, grants=replace(GRANTS, build_types=frozenset({"rpm"}))), "koji call addBType module"),
    (replace(GOOD, grants=replace(GRANTS, generators=frozenset())), "grant-cg-access mbs module-build-service --new"),
    (replace(GOOD, grants=replace(GRANTS, policies=STOCK)), "`user mbs :: allow` of build_from_srpm"),
    (replace(GOOD, grants=Grants(None)), "nobody is logged in at the hub"),
    (replace(GOOD, tags={}), "koji add-tag --arches 'aarch64 x86_64' f40-build"),
    (replace(GOOD, tags={"f40-build": replace(TAG, groups={"build": 5})}), "koji add-group f40-build srpm-build"),
    (replace(GOOD, tags={"f40-build": replace(TAG, repositories=0)}), "has neither builds nor external repositories"),
    (
        replace(GOOD, candidates={}),
        "there is no tag f40-candidate or candidate for modules | koji add-tag f40-candidate",
    ),
    (
        replace(GOOD, candidates={"f40-candidate": TagAccess("f40-candidate", "admin")}),
        "koji edit-tag --perm tag f40-candidate",
    ),
    (
        replace(GOOD, builders={**GOOD.builders, "default": BUILDERS[:1]}),
        "no living builder of the channel default is for aarch64",
    ),
    (
        replace(GOOD, builders={**GOOD.builders, "createrepo": (replace(BUILDERS[0], update=NOW - 3600),)}),
        "no builder for repositories is alive in the channel createrepo (1 enabled)",
    ),
    (
        replace(GOOD, repositories=Repositories((NOW - 7200, NOW - 5), NOW - 9000)),
        "1 requests for a repository wait without a task, the oldest for 120 min | systemctl start kojira",
    ),
]


@pytest.mark.parametrize(("facts", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_said_with_what_mends_it(facts: HubFacts, said: str) -> None:
    (line,) = told(facts, Verdict.WRONG)
    assert all(part in line for part in said.replace(" for modules | ", " | ").split(" | ")), line


def test_a_base_module_for_more_arches_than_its_tag_is_wrong() -> None:
    facts = replace(GOOD, tags={"f40-build": replace(TAG, arches=frozenset({"x86_64"}))})
    (line,) = told(facts, Verdict.WRONG)
    assert "koji edit-tag --arches 'aarch64 x86_64' f40-build" in line


def test_an_arch_less_tag_is_wrong_though_the_base_module_names_arches() -> None:
    facts = replace(GOOD, tags={"f40-build": replace(TAG, arches=frozenset())})
    assert any("tag f40-build has no arches" in line for line in told(facts, Verdict.WRONG))


def test_what_an_old_hub_does_not_tell_is_unseen_and_not_wrong() -> None:
    silent = replace(GRANTS, generators=None, build_types=None, policies={})
    facts = replace(GOOD, grants=silent, repositories=None, tags={"f40-build": replace(TAG, builds=None)})
    assert told(facts, Verdict.WRONG) == []
    assert len(told(facts, Verdict.UNSEEN)) == 3


def test_a_kojira_that_is_busy_is_not_dead() -> None:
    assert told(replace(GOOD, repositories=Repositories((NOW - 7200,), NOW - 60)), Verdict.WRONG) == []


def test_a_policy_of_the_site_may_look_at_tags_that_are_not_there_yet() -> None:
    facts = replace(GOOD, grants=replace(GRANTS, policies={"build_from_srpm": "allow", "build_from_repo_id": "deny"}))
    assert told(facts, Verdict.WRONG) == []
    assert ["policy build_from_repo_id says" in line for line in told(facts, Verdict.UNSEEN)] == [True]


def test_a_base_module_without_a_tag_and_an_idle_kojira_are_unseen() -> None:
    facts = replace(GOOD, repositories=Repositories(last=NOW - 90 * 86400))
    unseen = told(facts, Verdict.UNSEEN, [replace(BASE, tag=None, candidates=())])
    assert ["has no Koji tag" in unseen[0], "whether kojira runs cannot be seen" in unseen[1]] == [True, True]


@dataclass
class Older:
    """A real hub, without some of its methods."""

    hub: HubSession
    lacking: frozenset[str]

    def call(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        if method in self.lacking:
            raise HubRefused(f"Invalid method: {method}", call=method)
        return self.hub.call(method, *args, **kwargs)

    def call_once(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        return self.call(method, *args, **kwargs)

    def multicall(self, calls: Iterable[Call]) -> list[KojiValue]:
        wanted = list(calls)
        known = iter(self.hub.multicall(call for call in wanted if call.method not in self.lacking))
        return [HubRefused("Invalid method") if call.method in self.lacking else next(known) for call in wanted]

    def multicall_once(self, calls: Sequence[Call]) -> list[KojiValue]:
        return self.multicall(calls)

    def upload(self, path: object, directory: str) -> str:
        raise NotImplementedError


def test_devhub_is_right_for_its_own_service(session: HubSession) -> None:
    base = Base("platform:f40:1:0", "f40", "module-f40-build", ("x86_64",), ("f40-modular-updates-candidate",))
    facts = look(session, [base])
    assert told(facts, Verdict.WRONG, [base]) == []
    assert facts.tags["module-f40-build"].arches == {"x86_64", "aarch64"}
    assert {builder.name for builder in facts.builders["default"]} == {"builder-x86-64", "builder-aarch64"}


def test_every_base_tag_is_looked_at_as_koji_has_it(session: HubSession, running_hub: RunningHub) -> None:
    name = f"empty-{uuid.uuid4().hex[:8]}"
    running_hub.admin().callMethod("createTag", name)
    base = Base("platform:el9:1:0", "el9", name, ("x86_64",), ("el9-modular-updates-candidate",))
    wrong = told(look(session, [base]), Verdict.WRONG, [base])
    assert [line.partition(" | ")[0] for line in wrong] == [
        f"tag {name} has no arches",
        f"tag {name} has no packages in the group build, so no buildroot could be made",
        f"tag {name} has no packages in the group srpm-build, so no buildroot could be made",
        "there is no tag el9-modular-updates-candidate for modules that are built against platform:el9:1:0",
    ]


def test_who_has_no_grants_is_told_each_of_them(account: HubAccount) -> None:
    with HubSession(replace(account, user="alice", password="alice")) as alice:
        wrong = told(look(alice, []), Verdict.WRONG, [])
    assert [line.partition(" | ")[2] for line in wrong] == [
        "koji grant-permission tag alice",
        "koji grant-permission target alice",
        "koji grant-cg-access alice module-build-service --new",
    ]


def test_a_hub_that_lacks_calls_is_looked_at_all_the_same(session: HubSession) -> None:
    lacking = {"evalPolicy", "listCGs", "listBTypes", "count", "repo.queryQueue", "getLastHostUpdate"}
    facts = look(Older(session, frozenset(lacking)), [])
    policies, imports = told(facts, Verdict.UNSEEN, [])[:2]
    assert policies.startswith("what the hub's policy build_from_srpm and build_from_repo_id says of a build is known")
    assert imports.startswith("this hub does not tell whether modules can be imported")
