"""What Koji is asked for reads: which modules an RPM is of, and what final documents would be made of."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert
from sqlalchemy.orm import Session

from mbs.koji.session import HubAccount, HubSession
from mbs.registry import Registry
from mbs.registry.models import ModuleBuild
from mbs.registry.rows import DocumentRow
from tests.conftest import RunningHub
from tests.mbs.web import seven
from tests.mbs.web.conftest import Clients
from tests.module_builds import MODULEMD, NewPlan, new_plan, own_sources

__all__ = ["new_plan"]

PATIENCE = 60


def unwelcome(url: str) -> HubSession:
    """A session whose login is refused."""
    return HubSession(HubAccount(url, authentication="password", user="nobody", password="wrong"))


@dataclass(frozen=True)
class Built:
    """A package that a hub has built, and the tags of modules that it is in."""

    build: Mapping[str, Any]
    tags: tuple[str, ...]
    elsewhere: str
    """A tag of no module."""

    @property
    def rpm(self) -> str:
        return f"{self.build['nvr']}.noarch.rpm"


@pytest.fixture(scope="module")
def built(running_hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A noarch package in two modules, in a build tag and in a tag that is of no module."""
    run = uuid.uuid4().hex[:8]
    tags = (f"module-{run}-1", f"scrmod-{run}-2")
    others = (f"module-{run}-1-build", f"f40-{run}")
    session = running_hub.admin()
    for tag in (*tags, *others):
        session.createTag(tag, arches="x86_64")
        session.packageListAdd(tag, "noarch-words", "mbs")
    session.createBuildTarget(tags[0], "module-f40-build", tags[0])
    source = own_sources(tmp_path_factory.mktemp("words"), run, ["noarch-words"])["rpms/noarch-words"]
    task_id = session.build(source, tags[0], {"skip_tag": True})
    deadline = time.monotonic() + PATIENCE
    while not session.taskFinished(task_id) and time.monotonic() < deadline:
        time.sleep(0.1)
    [build] = session.listBuilds(taskID=task_id)
    for tag in (*tags, *others):
        session.tagBuildBypass(tag, build["nvr"])
    return Built(build, tags, others[1])


@pytest.fixture
def client(client_of: Clients, running_hub: RunningHub, registry: Registry, built: Built) -> TestClient:
    """A client of an application that cannot log in to its hub."""
    rows = [seven.build(11 + index, "app", str(index), 1, koji_tag=tag) for index, tag in enumerate(built.tags)]
    with Session(registry.engine) as session, session.begin():
        session.execute(insert(ModuleBuild), [*rows, seven.build(20, "other", "1", 1)])
    return client_of(hub=lambda: unwelcome(running_hub.url))


def test_modules_by_the_file_name_of_an_rpm_newest_first(
    client: TestClient, running_hub: RunningHub, built: Built
) -> None:
    before = running_hub.counts()
    shown = client.get(f"/1/module-builds/?rpm={built.rpm}").json()
    after = running_hub.counts()
    assert [item["id"] for item in shown["items"]] == [12, 11]
    assert [after.get(name, 0) - before.get(name, 0) for name in ("getRPM", "listTags", "login")] == [1, 1, 1], (
        "the login is that of whoever counts"
    )


@pytest.mark.parametrize("rpm", ["none-1-1.noarch.rpm", "nonsense", "", "a%00b", "🦀", "%0d%0aX-A: b"])
def test_no_module_by_an_rpm_that_koji_has_not(client: TestClient, rpm: str) -> None:
    answer = client.get(f"/1/module-builds/?rpm={rpm}")
    assert (answer.status_code, answer.json()["items"], answer.json()["meta"]["total"]) == (200, [], 0)


def test_an_rpm_is_one_condition_of_several(client: TestClient, built: Built) -> None:
    shown = client.get(f"/1/module-builds/?rpm={built.rpm}&koji_tag={built.tags[0]}").json()
    assert [item["id"] for item in shown["items"]] == [11]
    assert not client.get(f"/1/module-builds/?rpm={built.rpm}&koji_tag=module-other").json()["items"]


@pytest.mark.parametrize("path", ["module-builds/?rpm=a-1-1.noarch.rpm", "final-modulemd/{build_id}"])
def test_a_hub_that_is_away_is_a_503(client_of: Clients, new_plan: NewPlan, path: str) -> None:
    plan = new_plan(("noarch-words", 1))
    away = client_of(hub=lambda: unwelcome("http://127.0.0.1:9/kojihub"))
    answer = away.get(f"/1/{path.format(build_id=plan.build_id)}")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


def test_final_documents_are_those_that_were_kept(client_of: Clients, registry: Registry, new_plan: NewPlan) -> None:
    plan = new_plan(("noarch-words", 1))
    rows = [("greeter", "noarch", "all\n"), ("greeter", "x86_64", "arch\n"), ("greeter-devel", "x86_64", "devel\n")]
    registry.documents.store_final(plan.build_id, [DocumentRow(*row) for row in rows])
    away = client_of(hub=lambda: unwelcome("http://127.0.0.1:9/kojihub"))
    assert away.get(f"/1/final-modulemd/{plan.build_id}").json() == {"x86_64": "arch\n"}


def test_final_documents_of_a_build_that_has_no_tag_yet_list_nothing(client: TestClient, new_plan: NewPlan) -> None:
    shown = client.get(f"/2/final-modulemd/{new_plan(('noarch-words', 1)).build_id}").json()
    assert shown.keys() == {"x86_64", "aarch64"}
    assert "name: greeter" in shown["x86_64"]
    assert "artifacts" not in shown["x86_64"]


def test_final_documents_of_a_build_that_is_under_way_list_what_is_in_its_tag(
    client: TestClient, new_plan: NewPlan, built: Built
) -> None:
    document = f"{MODULEMD}  components:\n    rpms:\n      noarch-words:\n        rationale: Words.\n"
    plan = new_plan(("noarch-words", 1), koji_tag=built.elsewhere, modulemd=document)
    shown = client.get(f"/2/final-modulemd/{plan.build_id}").json()
    assert f"noarch-words-0:{built.build['version']}-{built.build['release']}.noarch" in shown["aarch64"]


def test_final_documents_of_an_import_are_what_was_imported(client: TestClient) -> None:
    assert client.get("/1/final-modulemd/20").json() == {"x86_64": seven.DOCUMENT}


@pytest.mark.parametrize("number", ["99", "0", "9223372036854775808"])
def test_final_documents_of_nothing(client: TestClient, number: str) -> None:
    answer = client.get(f"/1/final-modulemd/{number}")
    assert (answer.status_code, answer.json()["message"]) == (404, "No such module found.")


def strategies(client: TestClient) -> list[Any]:
    items: list[Any] = client.get("/1/rebuild-strategies/").json()["items"]
    return items


def test_rebuild_strategies_by_name_of_which_one_is_allowed(client_of: Clients) -> None:
    assert strategies(client_of()) == [
        {"name": "all", "description": "All components will be rebuilt", "allowed": False, "default": False},
        {
            "name": "changed-and-after",
            "description": "All components that have changed and those in subsequent batches will be rebuilt",
            "allowed": True,
            "default": True,
        },
        {
            "name": "only-changed",
            "description": "All changed components will be rebuilt",
            "allowed": False,
            "default": False,
        },
    ]


def test_rebuild_strategies_that_may_be_chosen(client_of: Clients) -> None:
    allowed = {"rebuild_strategy_allow_override": True, "rebuild_strategies_allowed": ("all", "changed-and-after")}
    shown = strategies(client_of(settings={**allowed, "rebuild_strategy": "only-changed"}))
    assert {one["name"]: (one["allowed"], one["default"]) for one in shown} == {
        "all": (True, False),
        "changed-and-after": (True, False),
        "only-changed": (True, True),
    }
