"""What a hub would refuse to a later step is refused before the first tag is made."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
import yaml
from msgspec import structs

from devhub.settings import read_seed
from mbs.koji.grants import Grants, Needs, TagAccess, lacks
from mbs.koji.session import HubAccount, HubSession
from mbs.koji.tags import ensure_tags
from mbs.model.errors import HubRefused
from mbs.model.plan import BuildPlan
from mbs.settings import Settings
from tests.conftest import RunningHub
from tools.devhub import serving

NEEDS = Needs("tag", imports=True)
ENOUGH = Grants(
    "mbs",
    frozenset({"tag", "target"}),
    generators=frozenset({"module-build-service"}),
    build_types=frozenset({"rpm", "module"}),
    policies={"build_from_srpm": "allow", "build_from_repo_id": "ALLOW because"},
)


def remedies(grants: Grants, needs: Needs) -> list[str]:
    return [lack.remedy for lack in lacks(grants, needs)]


def test_what_deploy_md_grants_is_enough_with_the_default_settings() -> None:
    assert remedies(ENOUGH, Needs(Settings().koji_tag_permission, imports=True)) == []


@pytest.mark.parametrize(
    ("grants", "needs", "remedy"),
    [
        (
            replace(ENOUGH, permissions=frozenset({"target"})),
            NEEDS,
            "koji grant-permission tag mbs",
        ),
        (
            replace(ENOUGH, permissions=frozenset({"tag"})),
            NEEDS,
            "koji grant-permission target mbs",
        ),
        (ENOUGH, Needs("admin", imports=True), "koji grant-permission admin mbs"),
        (
            replace(ENOUGH, permissions=frozenset({"admin"})),
            NEEDS,
            "koji grant-permission tag mbs",
        ),
        (
            replace(ENOUGH, generators=frozenset()),
            NEEDS,
            "koji grant-cg-access mbs module-build-service --new",
        ),
        (replace(ENOUGH, build_types=frozenset({"rpm"})), NEEDS, "koji call addBType module"),
        (
            replace(ENOUGH, policies={"build_from_srpm": "deny Only admin can do this"}),
            NEEDS,
            "a first line `user mbs :: allow` of build_from_srpm in the section [policy] of hub.conf",
        ),
        (
            replace(ENOUGH, policies={"build_from_repo_id": None}),
            NEEDS,
            "a first line `user mbs :: allow` of build_from_repo_id in the section [policy] of hub.conf",
        ),
        (
            ENOUGH,
            Needs("tag", imports=True, tags=[TagAccess("f40-candidate", "admin")]),
            "koji edit-tag --perm tag f40-candidate",
        ),
        (
            ENOUGH,
            Needs("tag", imports=True, tags=[TagAccess("f40-candidate", locked=True)]),
            "koji edit-tag --unlock f40-candidate",
        ),
        (Grants(None), NEEDS, "a login in the Airflow connection koji_default"),
    ],
)
def test_what_is_lacking_is_told_with_what_mends_it(grants: Grants, needs: Needs, remedy: str) -> None:
    assert remedies(grants, needs) == [remedy]


def test_an_administrator_needs_no_other_permission_for_tags_without_one() -> None:
    assert remedies(replace(ENOUGH, permissions=frozenset({"admin"})), Needs(None, imports=True)) == []


def test_who_imports_nothing_needs_no_content_generator() -> None:
    grants = replace(ENOUGH, generators=frozenset(), build_types=frozenset({"rpm"}))
    assert remedies(grants, Needs("tag", imports=False)) == []


def test_what_a_hub_does_not_tell_is_not_held_against_it() -> None:
    grants = Grants("mbs", frozenset({"tag", "target"}))
    assert remedies(grants, Needs("tag", imports=True)) == []


@pytest.fixture
def fresh(koji_plan: BuildPlan) -> BuildPlan:
    """A plan whose tags do not exist yet."""
    name = f"module-{uuid.uuid4().hex[:8]}"
    return structs.replace(koji_plan, koji_tag=name, build_tag=f"{name}-build", target=name)


class Refused(Protocol):
    """Has a user make the tags of a plan, and gives what the refusal says."""

    def __call__(self, plan: BuildPlan, user: str = "mbs") -> str: ...


@pytest.fixture
def refused(account: HubAccount, session: HubSession) -> Refused:
    def run(plan: BuildPlan, user: str = "mbs") -> str:
        with HubSession(replace(account, user=user, password=user)) as hub, pytest.raises(HubRefused) as refusal:
            ensure_tags(hub, plan)
        assert session.call("getTag", plan.koji_tag) is None, "nothing was made"
        return str(refusal.value)

    return run


def test_a_tag_permission_that_the_service_lacks_is_refused_before_any_tag_is_made(
    fresh: BuildPlan, refused: Refused
) -> None:
    assert "mend it with: koji grant-permission admin mbs" in refused(structs.replace(fresh, tag_permission="admin"))


def test_a_user_without_grants_is_told_all_of_them_at_once(fresh: BuildPlan, refused: Refused) -> None:
    message = refused(structs.replace(fresh, tag_permission="tag"), "alice")
    for grant in ("grant-permission tag alice", "grant-permission target alice", "grant-cg-access alice"):
        assert f"koji {grant}" in message


def test_a_tag_for_the_compose_that_is_closed_is_refused_before_anything_is_built(
    fresh: BuildPlan, refused: Refused, running_hub: RunningHub
) -> None:
    closed = f"{fresh.koji_tag}-candidate"
    running_hub.admin().callMethod("createTag", closed, perm="admin")
    plan = structs.replace(fresh, publication=structs.replace(fresh.publication, candidate_tags=("nowhere", closed)))
    assert f"tag {closed} asks for the permission admin" in refused(plan)


def test_the_default_permission_lets_the_service_tag_and_nobody_without_it(
    fresh: BuildPlan, session: HubSession, account: HubAccount, running_hub: RunningHub
) -> None:
    ensure_tags(session, structs.replace(fresh, tag_permission=Settings().koji_tag_permission))
    target, source = f"{fresh.koji_tag}-example", running_hub.sources["rpms/greeter-macros"]
    session.call("createBuildTarget", target, "module-f40-build", fresh.koji_tag)
    nvr = built(session, session.call("build", source, target, {"skip_tag": True}))
    with (
        HubSession(replace(account, user="alice", password="alice")) as alice,
        pytest.raises(HubRefused, match="tag requires tag permission"),
    ):
        alice.call("tagBuild", fresh.build_tag, nvr)
    session.call("tagBuildBypass", fresh.build_tag, nvr)


@pytest.fixture
def strict_hub(tmp_path: Path) -> Iterator[str]:
    """A hub whose policies are those of a stock one."""
    config = tmp_path / "strict.yaml"
    config.write_text(yaml.safe_dump({**read_seed(), "policy": {}}))
    with serving(tmp_path / "hub", "--config", str(config)) as hub:
        yield hub.url


def test_a_policy_that_stops_our_builds_is_refused_at_the_first_task(fresh: BuildPlan, strict_hub: str) -> None:
    account = HubAccount(strict_hub, authentication="password", user="mbs", password="mbs")
    with HubSession(account) as hub, pytest.raises(HubRefused) as refused:
        ensure_tags(hub, fresh)
    for policy in ("build_from_srpm", "build_from_repo_id"):
        assert f"the hub's policy {policy} does not let mbs through" in str(refused.value)


def built(session: HubSession, task_id: int) -> str:
    """Wait for a build and give its NVR."""
    for _ in range(600):
        if session.call("getTaskInfo", task_id)["state"] == 2:
            (build,) = session.call("listBuilds", taskID=task_id)
            return str(build["nvr"])
        time.sleep(0.1)
    raise AssertionError(session.call("getTaskResult", task_id, raise_fault=False))
