"""The processes of the stack, in the order in which they start, and how one sees that each is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import requests

from tools.stack.layout import Layout


@dataclass(frozen=True, slots=True)
class Service:
    """One background process."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[Layout], bool]
    ports: tuple[str, ...] = ()
    """The variables of the ports that it listens on (Ports.named)."""


def services(layout: Layout) -> tuple[Service, ...]:
    """Give the processes of a stack; tasks that start while the API server is away fail, so it comes first."""
    return (
        Service("devhub", devhub_command(layout), _devhub_ready, ("MBS_DEVHUB_PORT",)),
        Service("api-server", _airflow("api-server"), _api_server_ready, ("MBS_UI_PORT",)),
        Service("scheduler", _airflow("scheduler"), _healthy("scheduler"), ("MBS_WORKER_LOG_PORT",)),
        Service("triggerer", _airflow("triggerer"), _healthy("triggerer"), ("MBS_TRIGGER_LOG_PORT",)),
        Service("dag-processor", _airflow("dag-processor"), _healthy("dag_processor")),
    )


def devhub_command(layout: Layout) -> tuple[str, ...]:
    """Give the command of the embedded hub."""
    state, port = str(layout.devhub), str(layout.ports.devhub)
    return (sys.executable, "-m", "devhub.cli", "serve", "--state", state, "--port", port)


def _airflow(component: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "airflow", component)


def _devhub_ready(layout: Layout) -> bool:
    return _get(f"{layout.hub_url}/kojifiles/") is not None


def _api_server_ready(layout: Layout) -> bool:
    return _health(layout).get("metadatabase") == "healthy"


def _healthy(component: str) -> Callable[[Layout], bool]:
    return lambda layout: _health(layout).get(component) == "healthy"


def _health(layout: Layout) -> dict[str, str]:
    answer = _get(f"{layout.ui_url}/api/v2/monitor/health")
    if answer is None or not answer.ok:
        return {}
    return {name: part["status"] for name, part in answer.json().items()}


def _get(url: str) -> requests.Response | None:
    try:
        return requests.get(url, timeout=5)
    except requests.RequestException:
        return None
