"""What the service says of itself."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from mbs.koji.session import HubSession
from mbs.model.errors import HubRefused
from mbs.registry import Registry
from tests.mbs.web.conftest import Clients
from tests.mbs.web.seven import fill


@pytest.mark.parametrize("version", [1, 2])
def test_about_has_exactly_the_keys_that_clients_know(client: TestClient, version: int) -> None:
    answer = client.get(f"/{version}/about/")
    assert answer.json() == {"api_version": 2, "auth_method": "oidc", "version": "3.9.2"}
    assert answer.content == b'{"api_version":2,"auth_method":"oidc","version":"3.9.2"}\n'


@pytest.mark.parametrize("version", [0, 99])
def test_a_version_that_there_is_not(client: TestClient, version: int) -> None:
    answer = client.get(f"/{version}/about/")
    assert answer.status_code == 404
    said = {"error": "Not Found", "message": "The requested API version is not available", "status": 404}
    assert said.items() <= answer.json().items()


def test_what_koji_refuses_is_no_fault_of_ours(client_of: Clients, registry: Registry) -> None:
    fill(registry)

    def refusing() -> HubSession:
        raise HubRefused("you are not allowed", code=1004, call="getRPM")

    answer = client_of(hub=refusing).get("/1/module-builds/?rpm=x-1-1.noarch.rpm")
    assert (answer.status_code, answer.json()["message"]) == (502, "Koji refused getRPM: you are not allowed")
