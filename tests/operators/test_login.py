"""Who asks, as Airflow's own auth manager knows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.app import init_middlewares
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mbs.settings import Settings
from mbs.web import Services, create_app
from mbs.web.access import Asking
from mbs.web.answers import Json
from mbs.web.auth.oidc import OpenId
from operators import hooks
from operators.login import AirflowLogin, groups_of


class Nameless:
    """A user of an auth manager that keeps no names."""

    def get_name(self) -> None:
        return None


PAT = SimpleAuthManagerUser(username="pat", role="user")


@pytest.fixture(scope="module")
def manager(airflow_database: object) -> Iterator[SimpleAuthManager]:  # noqa: ARG001 - revoked tokens are there
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)
        made = create_auth_manager()
        assert isinstance(made, SimpleAuthManager)
        yield made


def token(manager: SimpleAuthManager, user: SimpleAuthManagerUser = PAT, seconds: int = 600) -> str:
    return manager.generate_jwt(user, expiration_time_in_seconds=seconds)


@pytest.fixture
def client(manager: SimpleAuthManager) -> Iterator[TestClient]:  # noqa: ARG001 - Airflow asks it
    with serve() as client:
        yield client


@contextmanager
def serve(**more: Any) -> Iterator[TestClient]:
    """Airflow's application as far as it has to do with it, and ours with a route that says who asks."""
    settings = Settings(auth=("airflow", "oidc"), oidc_issuer="http://localhost:9", oidc_client_id="mbs", **more)
    ways = (AirflowLogin(), OpenId(settings))
    unused: Any = None
    ours = create_app(Services(settings=settings, registry=unused, hub=unused, runs=unused, authenticators=ways))

    def answer(user: Asking) -> Json:
        return Json({"name": user.name, "groups": sorted(user.groups or ()), "way": user.way})

    ours.add_api_route("/1/whoami", answer, methods=["POST"], response_model=None)
    airflow = FastAPI()
    airflow.mount("/module-build-service", ours)
    init_middlewares(airflow)
    with TestClient(airflow, raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, **headers: str) -> Any:
    return client.post("/module-build-service/1/whoami", headers=headers)


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_a_token_of_airflow_tells_name_and_role(client: TestClient, manager: SimpleAuthManager) -> None:
    answer = ask(client, **bearer(token(manager)))
    assert answer.json() == {"name": "pat", "groups": ["user"], "way": "airflow"}


def test_the_cookie_of_its_pages_does_too_but_not_for_the_pages_of_others(
    client: TestClient, manager: SimpleAuthManager
) -> None:
    cookie = f"{COOKIE_NAME_JWT_TOKEN}={token(manager)}"
    assert ask(client, cookie=cookie).json()["name"] == "pat"
    for page, status in (
        ({"origin": "http://testserver"}, 200),
        ({"origin": "http://testserver", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "https://elsewhere.example.org"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ):
        assert ask(client, cookie=cookie, **page).status_code == status, page


def test_a_token_counts_before_the_cookie(client: TestClient, manager: SimpleAuthManager) -> None:
    admin = SimpleAuthManagerUser(username="robin", role="ADMIN")
    answer = ask(client, cookie=f"{COOKIE_NAME_JWT_TOKEN}={token(manager)}", **bearer(token(manager, admin)))
    assert answer.json() == {"name": "robin", "groups": ["admin"], "way": "airflow"}


def test_a_token_that_has_expired_is_told_so(client: TestClient, manager: SimpleAuthManager) -> None:
    answer = ask(client, **bearer(token(manager, seconds=-3600)))
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "The token has expired: get another one from Airflow.",
    )


def test_a_session_that_has_ended_is_none(client: TestClient, manager: SimpleAuthManager) -> None:
    answer = ask(client, cookie=f"{COOKIE_NAME_JWT_TOKEN}={token(manager, seconds=-3600)}")
    assert (answer.status_code, answer.json()["message"]) == (401, "Your session in Airflow has ended: log in again.")


def test_a_token_that_was_taken_back_is_none(client: TestClient, manager: SimpleAuthManager) -> None:
    given = token(manager)
    manager.revoke_token(given)
    assert ask(client, **bearer(given)).status_code == 401


def test_another_token_is_left_to_the_next_way(client: TestClient) -> None:
    assert ask(client, **bearer("opaque")).status_code == 503  # the provider is away, and was to be asked


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "No 'authorization' header found."),
        ({"authorization": "Basic cGF0OnBhdA=="}, "Authorization headers must start with 'Bearer '"),
        (
            bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJwYXQiLCJpc3MiOiJ4In0."),
            "The token is none of Airflow's, or is no longer valid.",
        ),
    ],
)
def test_who_brings_nothing_is_told_what_is_missing(client: TestClient, headers: dict[str, str], said: str) -> None:
    answer = ask(client, **headers)
    assert (answer.status_code, answer.json()["message"]) == (401, said)


def test_where_no_group_says_who_may_submit_airflow_does_as_for_its_form(manager: SimpleAuthManager) -> None:
    viewer = bearer(token(manager, SimpleAuthManagerUser(username="vic", role="viewer")))
    with serve(allowed_groups=()) as client:
        refused = ask(client, **viewer)
        assert refused.status_code == 403
        assert refused.json()["message"] == "vic may not submit modules: Airflow does not let them start submit_module."
        assert ask(client, **bearer(token(manager))).status_code == 200
    with serve(allowed_groups=(), allowed_users=("vic",)) as client:
        assert ask(client, **viewer).status_code == 200
    with serve(allowed_groups=("packager",)) as client:
        assert ask(client, **viewer).json()["groups"] == ["viewer"]  # whoever submits is asked for the group


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        (SimpleAuthManagerUser(username="pat", role=None), set()),
        (
            SimpleNamespace(roles=[SimpleNamespace(name="Packager"), SimpleNamespace(name="Viewer")]),
            {"Packager", "Viewer"},
        ),
        (SimpleNamespace(groups=["packagers"]), {"packagers"}),
        (SimpleNamespace(groups=[SimpleNamespace(id=7), ""]), set()),
        (SimpleNamespace(roles=None), set()),
        (SimpleNamespace(), set()),
    ],
)
def test_auth_managers_have_their_own_words_for_groups(user: Any, groups: set[str]) -> None:
    assert groups_of(user) == groups


@pytest.mark.parametrize("user", [None, SimpleNamespace(get_name=lambda: "pat", is_active=False), Nameless()])
def test_whom_the_auth_manager_has_forgotten_is_nobody(
    client: TestClient, manager: SimpleAuthManager, monkeypatch: pytest.MonkeyPatch, user: Any
) -> None:
    """Others than the simple auth manager look into a database; what they may find there is staged here."""
    monkeypatch.setattr(manager, "deserialize_user", lambda _: user)
    answer = ask(client, **bearer(token(manager)))
    said = "Airflow does not know the user of this token any more."
    assert (answer.status_code, answer.json()["message"]) == (401, said)


def test_secrets_are_read_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's own reading makes 7 of 007, and breaks at a variable that names a command."""
    monkeypatch.setenv("AIRFLOW__MBS__PROXY_SECRET", "007$HOME")
    monkeypatch.setenv("AIRFLOW__MBS__LDAP_PASSWORD_CMD", "cat $HOME/password")
    monkeypatch.setenv("HOME", "/home/mbs")
    told = hooks.settings_as_texts()
    assert (told["proxy_secret"], told["ldap_password_cmd"]) == ("007$HOME", "cat /home/mbs/password")
