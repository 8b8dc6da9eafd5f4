"""The REST API of the running service: what is posted is built, what is canceled is at rest when it is answered."""

from __future__ import annotations

import time
from typing import Any

import koji
import pytest
import requests

from mbs.model.naming import PREFIX
from mbs.registry import BuildFilter, ModuleState
from tests.e2e.world import STREAM, World, module

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NEVER_MINDED = 10
"""Seconds in which whatever holds tasks would have submitted what follows."""


def ask(world: World, method: str, path: str, body: object = None) -> requests.Response:
    """Ask as a script on this machine does, which logs in nowhere."""
    return requests.request(method, f"{world.layout.ui_url}{PREFIX}/{path}", json=body, timeout=60)


def post(world: World, body: object) -> dict[str, Any]:
    answer = ask(world, "POST", "2/module-builds/", body)
    assert answer.status_code == 201, answer.text
    [build] = answer.json()
    return dict(build)


def test_what_is_posted_is_built(world: World) -> None:
    world.packages("posted")
    document = module("posted", {"posted": {}})
    build = post(world, {"scmurl": world.repository("posted", document), "branch": STREAM, "scratch": False})
    assert world.ends(world.followed(build["id"])) == "success"
    ready = ask(world, "GET", f"1/module-builds/{build['id']}?verbose=true").json()
    assert (ready["state_name"], ready["owner"]) == ("ready", "anonymous")
    assert {task["state"] for task in ready["tasks"]["rpms"].values()} == {1}
    assert [entry["state_name"] for entry in ready["state_trace"]] == ["init", "wait", "build", "done", "ready"]
    assert set(ask(world, "GET", f"1/final-modulemd/{build['id']}").json()) >= {"x86_64"}


@pytest.mark.faults
def test_nothing_of_a_canceled_build_is_in_koji_when_it_is_answered(world: World) -> None:
    world.packages("canceled", "never")
    with world.fault("build_faults", [{"kind": "slow", "package": "canceled", "seconds": 60}]):
        document = module("canceled", {"canceled": {}, "never": {"buildorder": 1}})
        build = world.followed(post(world, {"modulemd": document})["id"])
        world.is_in_koji(build, "canceled")
        answer = ask(world, "PATCH", f"2/module-builds/{build.build_id}", {"state": "failed"}).json()
        assert (answer["state_name"], answer["state_reason"]) == ("failed", "Canceled by anonymous.")
        assert world.open_sources(build) == ""
        submitted = len(world.build_tasks(build))
        assert world.ends(build) == "failed"
        time.sleep(NEVER_MINDED)
        assert len(world.build_tasks(build)) == submitted
    states = {task["state"] for task in world.build_tasks(build)}
    assert koji.TASK_STATES["CANCELED"] in states
    assert world.row(build).state_reason == "Canceled by anonymous."
    assert not [state for state in world.states(build).values() if state in {"running", "queued", "scheduled"}]


def test_of_what_is_refused_nothing_is_recorded_and_nothing_made_in_koji(world: World) -> None:
    known, tags = world.registry.builds.find(BuildFilter()).total, len(world.hub.listTags())
    answer = ask(world, "POST", "2/module-builds/", {"modulemd": module("bad", {"nowhere": {"ref": "gone"}})})
    assert answer.status_code == 422
    assert "nowhere" in answer.json()["message"]
    assert (world.registry.builds.find(BuildFilter()).total, len(world.hub.listTags())) == (known, tags)


def test_who_has_logged_in_to_airflow_is_known_to_the_api(world: World) -> None:
    [build] = world.service.submit({"modulemd": module("known", {})})
    [first, *_] = world.registry.builds.trace(build.id)
    assert (first.by, first.origin) == ("admin", "airflow from 127.0.0.1")
    assert world.ends(world.followed(build.id)) == "success"
    assert world.registry.builds.get(build.id).state is ModuleState.READY
