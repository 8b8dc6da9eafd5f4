"""What the service says of itself."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient


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
