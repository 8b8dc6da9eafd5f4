"""The processes of the stack, in the order in which they start, and how one sees that each is ready.

For supervisord a process that runs is ready; these are when they answer, or have said that they live.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from tools.stack import postgres
from tools.stack.layout import Layout

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """One background process."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[Layout], bool] = lambda _: True
    needs: tuple[str, ...] = ()
    """Services that must be ready first, also when it is started again after a fault."""
    ports: tuple[str, ...] = ()
    """The variables of the ports that it listens on (Ports.named)."""
    stop_signal: str = "TERM"
    heartbeat: str | None = None
    """Its name in Airflow's health, where it shows there that it lives."""


def services(layout: Layout) -> tuple[Service, ...]:
    """Give the processes of a stack; tasks that start while hub or API server are away fail, so these come first."""
    return (
        # INT is PostgreSQL's fast shutdown; TERM would wait for its clients.
        Service("postgres", postgres.command(layout), postgres.ready, stop_signal="INT"),
        *((_devhub(layout),) if layout.hub.own else ()),
        Service("api-server", _airflow("api-server"), _api_server_ready, ("postgres",), ("MBS_UI_PORT",)),
        _component("scheduler", "scheduler", "--skip-serve-logs"),
        _component("dag-processor", "dag_processor"),
    )


def heartbeat(layout: Layout, service: Service) -> datetime:
    """Tell when a component of Airflow last said that it lives; long ago where it never did."""
    health = _health(layout)
    name = service.heartbeat or ""
    if health.get(name, {}).get("status") != "healthy":
        return LONG_AGO
    return datetime.fromisoformat(str(health[name][f"latest_{name}_heartbeat"]))


def _devhub(layout: Layout) -> Service:
    state, port = str(layout.devhub), str(layout.ports.devhub)
    command = ("-m", "devhub.cli", "serve", "--state", state, "--port", port, *layout.devhub_options)
    return Service("devhub", (sys.executable, *command), _devhub_ready, ports=("MBS_DEVHUB_PORT",))


def _airflow(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "airflow", *words)


def _component(name: str, heartbeat: str, *options: str) -> Service:
    return Service(name, _airflow(name, *options), needs=("api-server",), heartbeat=heartbeat)


def _devhub_ready(layout: Layout) -> bool:
    return _get(f"{layout.hub.top_url}/kojifiles/") is not None


def _api_server_ready(layout: Layout) -> bool:
    return _health(layout).get("metadatabase", {}).get("status") == "healthy"


def _health(layout: Layout) -> dict[str, dict[str, str]]:
    answer = _get(f"{layout.ui_url}/api/v2/monitor/health")
    return dict(json.loads(answer)) if answer else {}


def _get(url: str) -> bytes | None:
    """Give what is served under a URL of this machine: nothing with an error, None where nobody answers."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            return bytes(answer.read())
    except HTTPError:
        return b""
    except (OSError, HTTPException):
        return None
