"""The process that the measurement of the API asks: an API server as large as Airflow's, or the application alone.

python -m tools.bench.api_server DATABASE_URL HUB_URL PORT [--beside-airflow]
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from tools.bench.figures import resident_memory


def serve(database_url: str, hub_url: str, port: str, *options: str) -> None:
    """Say how much memory the process has without the application, and serve it."""
    if options:
        importlib.import_module("airflow.api_fastapi.core_api.app")
    print(resident_memory(), flush=True)
    uvicorn.run(_application(database_url, hub_url), port=int(port), log_level="warning")


def _application(database_url: str, hub_url: str) -> FastAPI:
    """Make the application; what it imports is what is measured."""
    from mbs.koji.session import HubAccount, HubSession  # noqa: PLC0415
    from mbs.registry import Registry, engine_for  # noqa: PLC0415
    from mbs.settings import Settings  # noqa: PLC0415
    from mbs.web import Services, create_app  # noqa: PLC0415

    registry = Registry(engine_for(database_url))
    return create_app(
        Services(
            settings=Settings(),
            registry=lambda: registry,
            hub=lambda: HubSession(HubAccount(hub_url)),
            runs=_NoRuns(),
            authenticators=(),
        )
    )


class _NoRuns:
    """The runs of an Airflow that is not there."""

    def fail(self, dag_id: str, reason: str, by: object) -> None:
        """Fail nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve what the command line says."""
    serve(*arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
