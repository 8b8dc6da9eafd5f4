from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import koji
import pytest

from devhub.database import Database
from devhub.init import open_hub
from devhub.server import Server
from devhub.settings import Settings, read_seed
from tools.devhub import serving


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--hub", help="URL of a hub to run the stories against, instead of a devhub of their own")
    parser.addoption("--hub-user", default="mbs", help="user of that hub")
    parser.addoption("--platform", default="module-f40-build", help="tag that the stories' build tags inherit")
    parser.addoption("--hub-password", default="mbs", help="the user's password")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would not touch the hub that was named."""
    if config.getoption("--hub", default=None) is None:
        return
    out = [item for item in items if "story_hub" not in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@dataclass(frozen=True)
class Hub:
    """A hub under test."""

    url: str
    user: str
    password: str
    ours: bool = True
    """Whether it is a devhub, with devhub's users."""

    def login(self, user: str | None = None) -> koji.ClientSession:
        name = user or self.user
        options = {
            "user": name,
            "password": self.password if user is None else name,
            "max_retries": 2,
            "retry_interval": 1,
        }
        session = koji.ClientSession(self.url, options)
        session.login()
        return session

    def anonymous(self) -> koji.ClientSession:
        return koji.ClientSession(self.url, {"max_retries": 2, "retry_interval": 1})


@dataclass(frozen=True, kw_only=True)
class OpenHub(Hub):
    """A devhub in this process, with its inside within reach."""

    database: Database
    settings: Settings


class RunHub(Protocol):
    """Starts a fresh devhub, without builders, that is made from a seed file."""

    def __call__(self, seed: Path | None = None) -> OpenHub: ...


@pytest.fixture(scope="session")
def run_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunHub]:
    """Give a function that starts a devhub in this process; all of them end with the session."""
    servers: list[Server] = []

    def run(seed: Path | None = None) -> OpenHub:
        settings = Settings(state=tmp_path_factory.mktemp("hub"), port=0, seed=read_seed(seed))
        database = open_hub(settings)
        server = Server(database, settings)
        servers.append(server)
        threading.Thread(target=server.run, daemon=True).start()
        return OpenHub(server.url, "mbs", "mbs", database=database, settings=settings)

    yield run
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--platform", default="module-f40-build"))


@pytest.fixture(scope="session")
def story_hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub of `--hub`, or a devhub with builders in a process of its own."""
    url = request.config.getoption("--hub", default=None)
    if url:
        user, password = (request.config.getoption(f"--hub-{option}") for option in ("user", "password"))
        yield Hub(str(url), str(user), str(password), ours=False)
        return
    with serving(tmp_path_factory.mktemp("stories"), "--builders", "2") as hub:
        yield Hub(hub.url, "mbs", "mbs")
