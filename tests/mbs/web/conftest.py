"""The application over a real registry, asked as a client asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from mbs.koji.session import HubSession
from mbs.model.users import User
from mbs.registry import Registry, engine_for
from mbs.settings import Settings
from mbs.web import Services, create_app
from mbs.web.auth import NO_HEADER
from tests.conftest import PostgresUrl
from tests.mbs.web import seven

PACKAGER = {"x-user": "pat", "x-groups": "packager"}
"""Headers of somebody who may submit."""


class Introduced:
    """Takes everybody for who they say they are: an authenticator of tests."""

    name, method, is_ambient = "introduced", "oidc", False

    def user_of(self, request: Request) -> User | None:
        name, groups = request.headers.get("x-user"), request.headers.get("x-groups", "")
        address = request.client.host if request.client else ""
        return (
            User(name=name, groups=frozenset(filter(None, groups.split(","))), way=self.name, address=address)
            if name
            else None
        )

    def missing(self, request: Request) -> str:  # noqa: ARG002 - the protocol's
        return NO_HEADER


@dataclass
class RecordedRuns:
    """Remembers which runs were to be failed."""

    failed: list[tuple[str, str]] = field(default_factory=list)

    def fail(self, dag_id: str, reason: str, by: User) -> None:  # noqa: ARG002 - the protocol's
        self.failed.append((dag_id, reason))


def no_hub() -> AbstractContextManager[HubSession]:
    raise AssertionError("nothing is asked of Koji here")


@pytest.fixture
def runs() -> RecordedRuns:
    return RecordedRuns()


@pytest.fixture
def services(registry: Registry, runs: RecordedRuns) -> Services:
    return Services(
        settings=Settings(), registry=lambda: registry, hub=no_hub, runs=runs, authenticators=(Introduced(),)
    )


Clients = Callable[..., TestClient]


@pytest.fixture
def client_of(services: Services) -> Clients:
    """Make a client of an application with other services, or with other settings."""

    def make(*, settings: dict[str, object] | None = None, **others: object) -> TestClient:
        changed = replace(services, settings=replace(services.settings, **(settings or {})), **others)  # type: ignore[arg-type]
        # As in the API server: an error that nobody has thought of is an answer, here and there.
        return TestClient(create_app(changed), raise_server_exceptions=False)

    return make


@pytest.fixture
def client(client_of: Clients) -> TestClient:
    return client_of()


@pytest.fixture
def seven_builds(registry: Registry) -> None:
    """The builds of MBS's own tests in the registry of a test that changes them."""
    seven.fill(registry)


def serve(registry: Registry) -> TestClient:
    """Give a client of an application over this registry."""
    services = Services(
        settings=Settings(), registry=lambda: registry, hub=no_hub, runs=RecordedRuns(), authenticators=(Introduced(),)
    )
    return TestClient(create_app(services), raise_server_exceptions=False)


@pytest.fixture(scope="session")
def reader(postgres_url: PostgresUrl) -> Iterator[TestClient]:
    """A client of an application with these builds, for tests that change nothing."""
    engine = engine_for(postgres_url())
    seven.fill(Registry(engine))
    yield serve(Registry(engine))
    engine.dispose()
