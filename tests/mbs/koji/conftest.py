from __future__ import annotations

from collections.abc import Iterator

import pytest

from mbs.koji.session import HubAccount, HubSession
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedMacros, Publication
from tests.conftest import RunningHub


@pytest.fixture
def koji_plan() -> BuildPlan:
    return BuildPlan(
        nsvc=NSVC("greeter", "1", 20261122160000, "c0ffee42"),
        build_id=7,
        owner="alice",
        scmurl=None,
        branch=None,
        scratch=False,
        rebuild_strategy="all",
        koji_tag="module-greeter",
        build_tag="module-greeter-build",
        target="module-greeter",
        dist="module+f40+7+c0ffee42",
        arches=("x86_64", "aarch64"),
        tag_permission=None,
        tag_extra={"repo_include_all": True},
        packages=(),
        blocked_packages=(),
        dependencies=(),
        groups=(),
        macros=PlannedMacros(""),
        components=(),
        publication=Publication("1", "1.c0ffee42"),
        modulemd="",
    )


@pytest.fixture
def account(running_hub: RunningHub) -> HubAccount:
    return HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")


@pytest.fixture
def session(account: HubAccount) -> Iterator[HubSession]:
    with HubSession(account) as opened:
        yield opened
