"""Submitting and canceling over the API: MBS's statuses and words, and nothing recorded of what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from devhub.examples import commit_again, publish
from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.model.users import User
from mbs.registry import BuildFilter, ComponentState, ModuleState, Registry
from mbs.settings import Settings
from mbs.steps.submit import read_import, register
from mbs.web import bodies
from tests.conftest import ROOT, RunningHub
from tests.mbs.web.conftest import PACKAGER, Clients, RecordedRuns

EXAMPLES = ROOT / "examples"
GREETER = (EXAMPLES / "modules" / "greeter" / "greeter.yaml").read_text()
PLATFORM = EXAMPLES / "platform" / "platform.yaml"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Git repositories of the examples."""
    directory = tmp_path_factory.mktemp("sources")
    publish(EXAMPLES, directory)
    return directory


@dataclass
class Api:
    """The API as a packager asks it, over an empty registry with the platform."""

    client_of: Clients
    registry: Registry
    settings: dict[str, object]
    hub: str
    sources: Path
    headers: dict[str, str] = field(default_factory=lambda: dict(PACKAGER))

    def client(self, **settings: object) -> TestClient:
        """A client of an application with other settings."""
        return self.client_of(
            settings=self.settings | settings, hub=lambda: HubSession(HubAccount(self.hub), delays=IMPATIENT)
        )

    def post(self, body: object, version: int = 2, **settings: Any) -> httpx.Response:
        """Submit."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        answer: httpx.Response = self.client(**settings).post(
            f"/{version}/module-builds/", content=content, headers=self.headers
        )
        return answer

    def commit(self, module: str = "greeter") -> str:
        """The SCM URL of a new commit."""
        repository = self.sources / "modules" / module
        return f"file://{repository}?#{commit_again(repository, '1')}"

    @property
    def recorded(self) -> int:
        """How many builds there are besides the platform."""
        return self.registry.builds.find(BuildFilter()).total - 1


@pytest.fixture
def api(client_of: Clients, registry: Registry, running_hub: RunningHub, sources: Path) -> Api:
    settings: dict[str, object] = {
        "scmurls": (f"file://{sources}/",),
        "allow_local_scmurls": True,
        "default_branch": "main",
        "rpms_default_repository": f"file://{sources}/rpms/",
        "koji_cg_tag_build": False,
    }
    found = read_import({"modulemd": PLATFORM.read_text()}, Settings())
    register(found, "admin", registry=registry, settings=Settings(), skip_invalid=False)
    return Api(client_of, registry, settings, running_hub.url, sources)


@pytest.mark.parametrize("version", [1, 2])
def test_a_submission_is_answered_with_its_builds(api: Api, version: int) -> None:
    url = api.commit()
    answer = api.post({"scmurl": url, "branch": "1", "scratch": False}, version)
    assert answer.status_code == 201, answer.text
    build = answer.json() if version == 1 else answer.json()[0]
    shown = {name: build[name] for name in ("name", "stream", "owner", "scmurl", "state_name", "time_completed")}
    assert shown == {
        "name": "greeter",
        "stream": "1",
        "owner": "pat",
        "scmurl": url,
        "state_name": "wait",
        "time_completed": None,
    }
    assert build["state_url"] == f"/{version}/module-builds/{build['id']}"
    assert isinstance(build["version"], str)
    assert build["buildrequires"]["platform"]["stream"] == "f40"
    assert len(build["tasks"]["rpms"]) == len(build["component_builds"]) == 6
    [first, *_] = api.registry.builds.trace(build["id"])
    assert (first.by, first.origin) == ("pat", "introduced from testclient")
    again = api.post({"scmurl": url, "branch": "1"}, version)
    assert (again.status_code, again.json()["error"]) == (409, "Conflict")
    assert again.json()["message"].startswith("Module (state=1) already exists. Only a new build, resubmission")


def test_json_is_read_whatever_the_content_type_says(api: Api) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        api.headers["content-type"] = content_type
        answer = api.post({"scmurl": "https://elsewhere.example.org/x?#1", "branch": "1"})
        assert answer.status_code == 403, content_type


def test_a_form_brings_a_document_and_its_name(api: Api) -> None:
    answer = api.client(modules_allow_scratch=True).post(
        "/2/module-builds/",
        data={"scratch": "true"},
        files={"yaml": ("dir/mymod.yaml", GREETER.encode())},
        headers=api.headers,
    )
    assert answer.status_code == 201, answer.text
    [build] = answer.json()
    assert (build["name"], build["scratch"], build["scmurl"]) == ("mymod", True, None)
    refused = api.client(modules_allow_scratch=True).post(
        "/2/module-builds/", data={"scratch": "1", "srpms": "x"}, files={"yaml": ("a.yaml", b"")}, headers=api.headers
    )
    assert "srpms must be specified as a list" in refused.json()["message"]
    assert "The input modulemd was empty" in refused.json()["message"]


URL = "https://elsewhere.example.org/modules/x?#1a2b3c"

REFUSED: list[tuple[str, object, dict[str, object], int, str]] = [
    ("no JSON", "{", {}, 400, "Invalid JSON submitted"),
    ("nothing", "", {}, 400, "Invalid JSON submitted"),
    ("a list", [1], {}, 400, "Invalid JSON submitted"),
    ("not a number", '{"scmurl": NaN}', {}, 400, "Invalid JSON submitted"),
    ("too deep", "[" * 100_000, {}, 400, "Invalid JSON submitted"),
    ("NUL", '{"scmurl": "a\\u0000b", "branch": "1"}', {}, 400, "Invalid JSON submitted"),
    ("half a character", '{"scmurl": "\\ud800", "branch": "1"}', {}, 400, "Invalid JSON submitted"),
    ("no text", b"\xff\xfe{", {}, 400, "Invalid JSON submitted"),
    ("no scmurl", {"branch": "1"}, {}, 400, "Missing scmurl"),
    ("no branch", {"scmurl": URL}, {"allow_custom_scmurls": True}, 400, "Missing branch"),
    ("a number for a URL", {"scmurl": 5, "branch": "1"}, {}, 400, 'The "scmurl" parameter must be a string'),
    ("another host", {"scmurl": URL, "branch": "1"}, {}, 403, f"The submitted scmurl {URL} is not allowed"),
    (
        "no commit",
        {"scmurl": URL.partition("#")[0], "branch": "1"},
        {"allow_custom_scmurls": True},
        400,
        f"The submitted scmurl {URL.partition('#')[0]} is not valid",
    ),
    (
        "another key",
        {"scmurl": URL, "branch": "1", "colour": "red", "size": 1},
        {},
        403,
        "The request contains invalid parameters: colour, size",
    ),
    ("scratch", {"scmurl": URL, "branch": "1", "scratch": True}, {}, 403, "Scratch builds are not enabled"),
    (
        "packages",
        {"scmurl": URL, "branch": "1", "srpms": ["cli-build/1/x.src.rpm"]},
        {},
        403,
        "srpms may only be specified for scratch builds",
    ),
    ("a document", {"modulemd": GREETER}, {}, 403, "YAML submission is not enabled"),
    (
        "an empty document",
        {"modulemd": ""},
        {"yaml_submit_allowed": True},
        422,
        "The input modulemd was empty",
    ),
    (
        "a name",
        {"scmurl": URL, "branch": "1", "module_name": "x"},
        {"allow_custom_scmurls": True},
        400,
        "Module name override is only allowed when a YAML file is submitted",
    ),
    (
        "a stream",
        {"scmurl": URL, "branch": "1", "module_stream": "x"},
        {"allow_custom_scmurls": True},
        400,
        "Stream name override is only allowed when a YAML file is submitted",
    ),
    (
        "another's name",
        {"scmurl": URL, "branch": "1", "owner": "sam"},
        {"allow_custom_scmurls": True},
        400,
        "The request contains 'owner' parameter, however NO_AUTH is not allowed",
    ),
    (
        "a strategy",
        {"scmurl": URL, "branch": "1", "rebuild_strategy": "all"},
        {"allow_custom_scmurls": True},
        400,
        'The request contains the "rebuild_strategy" parameter but overriding the default isn\'t allowed',
    ),
    (
        "a strategy that is not allowed",
        {"scmurl": URL, "branch": "1", "rebuild_strategy": "all"},
        {
            "allow_custom_scmurls": True,
            "rebuild_strategy_allow_override": True,
            "rebuild_strategies_allowed": ("only-changed",),
        },
        400,
        'The rebuild method of "all" is not allowed. Choose from: only-changed.',
    ),
    (
        "overrides that are none",
        {"scmurl": URL, "branch": "1", "buildrequire_overrides": {"platform": "f40"}},
        {"allow_custom_scmurls": True},
        400,
        (
            'The "buildrequire_overrides" parameter must be an object with the keys as module names and the values as '
            "arrays of streams"
        ),
    ),
    (
        "refs that are none",
        {"scmurl": URL, "branch": "1", "rpm_component_ref_overrides": ["a"]},
        {"allow_custom_scmurls": True},
        400,
        (
            'The "rpm_component_ref_overrides" parameter must be an object with the keys as component names and the '
            "values as strings of refs"
        ),
    ),
    (
        "a build to reuse that is none",
        {"scmurl": URL, "branch": "1", "reuse_components_from": "a:b"},
        {"allow_custom_scmurls": True},
        400,
        'The parameter "reuse_components_from" contains an invalid module identifier',
    ),
    (
        "a build to reuse that is not there",
        {"scmurl": URL, "branch": "1", "reuse_components_from": 999},
        {"allow_custom_scmurls": True},
        400,
        'The module in the parameter "reuse_components_from" could not be found',
    ),
]


@pytest.mark.parametrize(
    ("body", "settings", "status", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused_is_refused_as_mbs_does_and_nothing_is_recorded(
    api: Api, body: object, settings: dict[str, Any], status: int, said: str
) -> None:
    answer = api.post(body, **settings)
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    assert said in answer.json()["message"]
    assert api.recorded == 0


def test_all_problems_are_told_at_once_each_with_its_field(api: Api) -> None:
    body = {"scmurl": URL, "colour": "red", "rebuild_strategy": "all"}
    answer = api.post(body).json()
    assert answer["message"].splitlines() == [one["message"] for one in answer["problems"]]
    assert {one["where"] for one in answer["problems"]} >= {"scmurl", "branch", "rebuild_strategy"}


def test_what_a_document_needs_and_is_not_there_is_422(api: Api) -> None:
    document = GREETER.replace("platform: [f40]", "platform: [f39]")
    answer = api.post({"modulemd": document, "module_name": "greeter"}, yaml_submit_allowed=True)
    assert answer.status_code == 422
    assert "None of the base module (platform) streams in the buildrequires section could be found." in answer.text
    broken = api.post({"modulemd": "document: modulemd\nversion: 2\ndata: []\n"}, yaml_submit_allowed=True)
    assert (broken.status_code, broken.json()["error"]) == (422, "Unprocessable Entity")
    assert api.recorded == 0


def test_a_commit_that_is_not_there_is_422(api: Api) -> None:
    url = api.commit()
    answer = api.post({"scmurl": f"{url[:-4]}0000", "branch": "1"})
    assert answer.status_code == 422
    assert "The requested commit hash was not found within the repository." in answer.json()["message"]


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({}, 401, "No 'authorization' header found."),
        ({"x-user": "pat", "x-groups": "a"}, 403, "pat is not in any of {'packager'}, only {'a'}"),
    ],
)
def test_a_stranger_submits_nothing(api: Api, headers: dict[str, str], status: int, said: str) -> None:
    api.headers = headers
    answer = api.post({"scmurl": api.commit(), "branch": "1"})
    assert (answer.status_code, answer.json()["message"]) == (status, said)
    assert api.post("no json").status_code == 400, "as MBS does, which reads before it asks"
    assert api.recorded == 0


def test_whoever_is_named_needs_no_group(api: Api) -> None:
    api.headers = {"x-user": "robot"}
    assert api.post({"scmurl": api.commit(), "branch": "1"}, allowed_users=("robot",)).status_code == 201


def test_no_more_is_read_than_a_document_may_have(api: Api) -> None:
    large = {"modulemd": "x" * (2 * 4096 + bodies.BESIDE + 1)}
    answer = api.post(large, max_modulemd_size=4096)
    assert (answer.status_code, answer.json()["error"]) == (413, "Request Entity Too Large")

    def untold() -> Iterator[bytes]:
        yield from [b"x" * 65536] * 32

    answer = api.client(max_modulemd_size=4096).post("/2/module-builds/", content=untold(), headers=api.headers)
    assert answer.status_code == 413


def test_who_comes_when_enough_is_being_read_is_asked_to_come_again(api: Api) -> None:
    client = api.client(submissions_at_once=1)
    app: Any = client.app
    with app.state.services.room():
        answer = client.post("/2/module-builds/", json={"scmurl": api.commit(), "branch": "1"}, headers=api.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert client.post(
        "/2/module-builds/", json={"scmurl": api.commit(), "branch": "1"}, headers=api.headers
    ).is_success


def test_what_takes_too_long_is_504_and_records_nothing(api: Api) -> None:
    answer = api.post({"scmurl": api.commit(), "branch": "1"}, submission_deadline=0.05)
    assert answer.status_code == 504
    assert api.recorded == 0


@pytest.fixture
def building(api: Api) -> int:
    """A build of pat's that waits for its beginning."""
    return int(api.post({"scmurl": api.commit(), "branch": "1"}, 1).json()["id"])


def patch(api: Api, build_id: int, body: object, **settings: object) -> httpx.Response:
    answer: httpx.Response = api.client(**settings).request(
        "PATCH", f"/2/module-builds/{build_id}", content=json.dumps(body), headers=api.headers
    )
    return answer


@pytest.mark.parametrize("state", ["failed", "4", 4])
def test_the_owner_cancels(api: Api, runs: RecordedRuns, building: int, state: object) -> None:
    answer = patch(api, building, {"state": state, "whatever": 1})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["state_reason"]) == (4, "Canceled by pat.")
    assert [entry["state_name"] for entry in answer.json()["state_trace"]] == ["init", "wait", "failed"]
    nsvc = api.registry.builds.get(building).nsvc
    assert runs.failed == [(f"greeter.1.{nsvc.version}.{nsvc.context}", "Canceled by pat.")]
    again = patch(api, building, {"state": state})
    said = "To cancel a module build, it must be in one of the following states: build, init, wait"
    assert (again.status_code, again.json()["message"]) == (400, said)


@pytest.mark.parametrize(
    ("headers", "settings", "body", "status", "said"),
    [
        ({"x-user": "sam", "x-groups": "packager"}, {}, {"state": "failed"}, 403, "You are not owner of this build"),
        ({"x-user": "sam", "x-groups": "a"}, {}, {"state": "failed"}, 403, "sam is not in any of {'packager'}"),
        (PACKAGER, {}, {"some_param": "value"}, 400, "Invalid JSON submitted"),
        (PACKAGER, {}, {"state": ""}, 400, "Invalid JSON submitted"),
        (
            PACKAGER,
            {},
            {"state": "some_state"},
            400,
            "An invalid state was submitted. Valid states values are: failed, 4",
        ),
        (PACKAGER, {}, {"state": True}, 400, "An invalid state was submitted."),
        (PACKAGER, {}, {"state": "failed", "owner": "sam"}, 400, "however NO_AUTH is not allowed"),
    ],
)
def test_a_build_is_canceled_by_nobody_else_and_in_no_other_way(
    api: Api, building: int, headers: dict[str, str], settings: dict[str, object], body: object, status: int, said: str
) -> None:
    api.headers = headers
    answer = patch(api, building, body, **settings)
    assert answer.status_code == status
    assert said in answer.json()["message"]
    assert api.registry.builds.get(building).state is ModuleState.WAIT


def test_the_owner_or_an_admin_takes_a_failed_build_up_again(api: Api) -> None:
    body = {"scmurl": api.commit(), "branch": "1"}
    [build] = api.post(body).json()
    patch(api, build["id"], {"state": "failed"})
    api.headers = {"x-user": "sam", "x-groups": "packager,admins"}
    refused = api.post(body)
    assert (refused.status_code, refused.json()["message"].partition(" of this")[0]) == (403, "You are not owner")
    assert api.registry.builds.get(build["id"]).state is ModuleState.FAILED
    [resumed] = api.post(body, admin_groups=("admins",)).json()
    assert (resumed["id"], resumed["state_reason"], resumed["owner"]) == (build["id"], "Resubmitted by sam", "sam")


def test_an_admin_cancels_the_builds_of_others(api: Api, building: int) -> None:
    api.headers = {"x-user": "sam", "x-groups": "packager,admins"}
    assert patch(api, building, {"state": "failed"}).status_code == 403
    assert (
        patch(api, building, {"state": "failed"}, admin_groups=("admins",)).json()["state_reason"] == "Canceled by sam."
    )


def test_there_is_nothing_to_cancel_where_there_is_no_build(api: Api) -> None:
    answer = patch(api, 999, {"state": "failed"})
    assert (answer.status_code, answer.json()["message"]) == (404, "No such module found.")


class Nobody:
    """Where nobody logs in, everybody is the same user."""

    name, method, is_ambient = "no_auth", "oidc", False

    def user_of(self, request: object) -> User:  # noqa: ARG002 - the protocol's
        return User(name="anonymous", groups=frozenset({"packager"}), way="no_auth")

    def missing(self, request: object) -> str:  # noqa: ARG002 - likewise
        return ""


def test_where_nobody_logs_in_a_request_names_the_owner(api: Api) -> None:
    client = api.client_of(
        settings=api.settings,
        hub=lambda: HubSession(HubAccount(api.hub), delays=IMPATIENT),
        authenticators=(Nobody(),),
    )
    body = {"scmurl": api.commit(), "branch": "1", "owner": "robin"}
    build = client.post("/1/module-builds/", json=body).json()
    assert build["owner"] == "robin"
    item = f"/1/module-builds/{build['id']}"
    assert client.patch(item, json={"state": "failed"}).json()["message"].startswith("You are not owner")
    assert client.patch(item, json={"state": "failed", "owner": "a\nb"}).status_code == 400
    canceled = client.patch(item, json={"state": "failed", "owner": "robin"}).json()
    assert canceled["state_reason"] == "Canceled by robin."


def test_a_plan_shows_what_a_submission_would_build_and_records_nothing(api: Api) -> None:
    body = {"scmurl": api.commit(), "branch": "1"}
    client = api.client()
    answer = client.post("/3/plan/", json=body, headers=api.headers)
    assert answer.status_code == 200, answer.text
    [build] = answer.json()["builds"]
    batches = [[one["name"] for one in batch["components"]] for batch in build["batches"]]
    assert batches == [["greeter-macros", "phrasebook"], ["libgreet"], ["cpu-greet", "greet"]] or batches[1] == [
        "libgreet"
    ]
    assert build["buildrequires"]["platform"]["nsvc"] == "platform:f40:1:00000000"
    assert build["plan"]["nsvc"]["name"] == "greeter"
    assert api.recorded == 0
    assert client.post("/3/plan/", json=body).status_code == 401
    assert client.post("/3/plan/", json={"branch": "1"}, headers=api.headers).json()["message"] == "Missing scmurl"
    assert client.post("/2/plan/", json=body, headers=api.headers).status_code == 404, "it is ours alone"


def test_a_document_is_judged_with_lines_and_nothing_else(api: Api) -> None:
    client = api.client()
    good = client.post("/3/validate/", json={"modulemd": GREETER, "module_name": "greeter"}, headers=api.headers)
    assert good.json() == {"valid": True, "problems": []}
    wrong = GREETER.replace("buildorder: 10", "buildorder: 10\n        buildafter: [nothing]")
    answer = client.post("/3/validate/", json={"modulemd": wrong, "module_name": "greeter"}, headers=api.headers).json()
    assert answer["valid"] is False
    assert all(one["line"] for one in answer["problems"]), answer
    assert client.post("/3/validate/", json={}, headers=api.headers).json()["message"] == "Missing modulemd"
    assert client.post("/3/validate/", json={"modulemd": GREETER}).status_code == 401


def test_why_a_build_failed_is_told_component_by_component(api: Api, building: int) -> None:
    with api.registry.component(building, "greet") as component:
        component.intend("me")
        component.submitted(42)
        component.finished(ComponentState.FAILED, reason="greet (x86_64): rpmbuild failed\nerror: no compiler\nmore")
    api.registry.builds.transition(building, ModuleState.FAILED, "Component(s) greet failed to build.", "task x")
    answer = api.client().get(f"/3/module-builds/{building}/log").json()
    assert (answer["state_name"], answer["state_reason"]) == ("failed", "Component(s) greet failed to build.")
    [greet] = answer["components"]
    assert (greet["package"], greet["reason"]) == ("greet", "greet (x86_64): rpmbuild failed")
    assert (greet["log"], greet["task_id"]) == (["error: no compiler", "more"], 42)
    assert api.client().get("/3/module-builds/999/log").status_code == 404
