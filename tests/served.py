"""The REST API over a real registry, a devhub and git repositories, as a server of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.model.naming import PREFIX
from mbs.model.users import User
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.web import Services, create_app
from mbs.web.auth import Authenticator
from mbs.web.auth.configured import authenticators


@dataclass
class NoRuns:
    """An Airflow without runs, that remembers which were to end."""

    failed: list[str] = field(default_factory=list)

    def fail(self, dag_id: str, reason: str, by: User) -> None:  # noqa: ARG002 - the protocol's
        self.failed.append(dag_id)


@contextmanager
def serving(app: FastAPI, *, proxy_headers: bool = False) -> Iterator[str]:
    """Serve an application on a free port, as Airflow's API server does, and give its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, proxy_headers=proxy_headers, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def application(
    registry: Registry, settings: Settings, hub_url: str, *, airflow: Authenticator | None = None
) -> FastAPI:
    """Make what a server of its own serves: the API under its prefix."""
    services = Services(
        settings=settings,
        registry=lambda: registry,
        hub=lambda: HubSession(HubAccount(hub_url), delays=IMPATIENT),
        runs=NoRuns(),
        authenticators=authenticators(settings, airflow=airflow),
    )
    app = FastAPI(openapi_url=None)
    app.mount(PREFIX, create_app(services))
    return app
