"""Every route of the application, asked by everybody: who may not, may not, and leaves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, inspect, select, table

from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.registry import Registry
from mbs.web import Services, create_app
from tests.mbs.web import seven
from tests.mbs.web.conftest import Clients

BUILD = 2
"""One of Moe Szyslak's, which has ended: nobody can cancel it, and who may not is told before."""

USERS: Mapping[str, Mapping[str, str]] = {
    "stranger": {},
    "loner": {"x-user": "loner"},
    "member": {"x-user": "pat", "x-groups": "packager"},
    "owner": {"x-user": "Moe Szyslak", "x-groups": "packager"},
    "admin": {"x-user": "robin", "x-groups": "packager,admins"},
    "importer": {"x-user": "alex", "x-groups": "importers"},
}
SETTINGS = {"admin_groups": ("admins",), "allowed_groups_to_import_module": ("importers",)}
READING = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = ("DELETE", "PATCH", "POST", "PUT")


@dataclass(frozen=True)
class Change:
    """A route that changes something: with a body that lacks something, so that whoever may is told so."""

    body: Mapping[str, Any]
    may: frozenset[str]
    """Of USERS."""


SUBMITTERS = frozenset({"member", "owner", "admin"})
CHANGES: Mapping[tuple[str, str], Change] = {
    ("POST", "/*/module-builds/"): Change({"branch": "main"}, SUBMITTERS),
    ("PATCH", "/*/module-builds/*"): Change({"state": "failed"}, frozenset({"owner", "admin"})),
    ("POST", "/3/plan/"): Change({"branch": "main"}, SUBMITTERS),
    ("POST", "/3/validate/"): Change({}, SUBMITTERS),
    ("POST", "/*/import-module/"): Change({}, frozenset({"importer"})),
}
"""Whoever adds a route that changes something says here who may."""


def routes(found: Iterable[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Give method and path of every route, also of those that are mounted; `*` for what a path leaves open."""
    for route in found:
        path = before + re.sub(r"{[^}]*}", "*", getattr(route, "path", ""))
        yield from ((method, path) for method in getattr(route, "methods", None) or METHODS)
        yield from routes(getattr(route, "routes", None) or (), path)


def url_of(path: str, version: int = 2) -> str:
    """Fill a path: the first is the version, all others are ids."""
    return path.replace("*", str(version), 1).replace("*", str(BUILD))


def left(engine: Engine) -> Mapping[str, int]:
    """Count what the registry has."""
    with engine.connect() as connection:
        names = inspect(engine).get_table_names()
        return {name: connection.scalars(select(func.count()).select_from(table(name))).one() for name in names}


@pytest.fixture
def untouched(registry: Registry) -> Iterator[None]:
    """See to it that a test leaves nothing in the registry."""
    seven.fill(registry)
    before = left(registry.engine)
    yield
    assert left(registry.engine) == before


@pytest.fixture
def paths(services: Services) -> set[tuple[str, str]]:
    return set(routes(create_app(services).routes))


@contextmanager
def silent_hub() -> Iterator[HubSession]:
    """Open a session to a hub that does not answer: nothing is to be asked of it."""
    yield HubSession(HubAccount("http://127.0.0.1:9/kojihub"), delays=IMPATIENT)


def ask(client: TestClient, method: str, path: str, user: str, version: int = 2) -> int:
    change = CHANGES.get((method, path))
    body = change.body if change else {}
    answer = client.request(method, url_of(path, version), json=body, headers=USERS[user], follow_redirects=False)
    return int(answer.status_code)


def test_every_route_that_changes_something_is_known_here(paths: set[tuple[str, str]]) -> None:
    changing = {(method, path) for method, path in paths if method not in READING}
    assert changing == set(CHANGES)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("version", [1, 2, 3])
def test_who_may_is_heard_and_nobody_else(client_of: Clients, version: int) -> None:
    client = client_of(settings=SETTINGS, hub=silent_hub)
    for (method, path), user in product(sorted(CHANGES), USERS):
        status = ask(client, method, path, user, version)
        if user in CHANGES[method, path].may:
            assert status in {400, 422}, (user, method, path)
        else:
            assert status == (401 if user == "stranger" else 403), (user, method, path)


@pytest.mark.usefixtures("untouched")
def test_where_nobody_can_log_in_nobody_changes_anything(client_of: Clients, paths: set[tuple[str, str]]) -> None:
    client = client_of(settings=SETTINGS, authenticators=())
    for path, method, user in product(sorted({path for _, path in paths}), METHODS, USERS):
        status = ask(client, method, path, user)
        known = (method, path) in CHANGES
        assert status in ({401} if known else {308, 404, 405}), (user, method, path)


@pytest.mark.usefixtures("untouched")
def test_no_other_method_does_anything(client_of: Clients, paths: set[tuple[str, str]]) -> None:
    client = client_of(settings=SETTINGS)
    for path, method, user in product(sorted({path for _, path in paths}), METHODS, USERS):
        if (method, path) not in CHANGES:
            assert ask(client, method, path, user) in {308, 404, 405}, (user, method, path)


@pytest.mark.usefixtures("untouched")
def test_import_that_is_switched_off_is_so_for_everybody(client_of: Clients) -> None:
    for user in USERS:
        assert ask(client_of(), "POST", "/*/import-module/", user) == 403


@pytest.mark.usefixtures("untouched")
def test_reading_is_open_to_everybody_and_changes_nothing(client_of: Clients, paths: set[tuple[str, str]]) -> None:
    client = client_of(settings=SETTINGS)
    for (method, path), user in product(sorted(paths), ("stranger", "admin")):
        if method == "GET" and "events" not in path:  # that one never ends
            assert ask(client, method, path, user) < 401 or path.endswith("/final-modulemd/*"), path
