"""Starting, looking at and stopping the whole stack."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable

from mbs import pools
from mbs.airflow_api import AirflowClient, Login
from mbs.errors import MbsError
from mbs.settings_sources import load
from tools.stack import postgres, processes, secrets
from tools.stack.layout import Layout, checkout
from tools.stack.problem import StackProblem
from tools.stack.services import Service, services

READY_SECONDS = 120
"""How long a process may take until it is ready; on a loaded machine of two cores it is 15 to 40."""

FIRST = ("devhub", "api-server")
"""What must be ready before the others start: tasks that start while one of them is away fail, and are retried."""

Report = Callable[[str], None]


def start(layout: Layout, report: Report = print) -> None:
    """Start what does not run yet, and return when all of it is ready."""
    missing = [service for service in services(layout) if processes.running(layout, service.name) is None]
    _check_ports(layout, missing)
    secrets.generate(layout)
    report("PostgreSQL")
    postgres.start(layout)
    report("databases and connections")
    prepare(layout)
    first = [service for service in missing if service.name in FIRST]
    rest = [service for service in missing if service.name not in FIRST]
    for service in first:
        launch(layout, service, report)
    provide_pools(layout)
    for service in rest:
        processes.start(layout, service.name, service.command, layout.environment())
    for service in rest:
        await_ready(layout, service, report)


def stop(layout: Layout, report: Report = print) -> None:
    """Stop everything that was started, what it left behind included."""
    for service in reversed(services(layout)):
        if processes.running(layout, service.name) is not None:
            report(f"stopping {service.name}")
        processes.stop(layout, service.name)
    processes.end(processes.orphans(layout))
    if postgres.running(layout):
        report("stopping PostgreSQL")
        postgres.stop(layout)


def status(layout: Layout) -> dict[str, str]:
    """Give `ready`, `starting` or `stopped` by the name of the service."""
    found = {"postgres": "ready" if postgres.running(layout) else "stopped"}
    for service in services(layout):
        alive = processes.running(layout, service.name) is not None
        found[service.name] = "stopped" if not alive else "ready" if service.ready(layout) else "starting"
    return found


def prepare(layout: Layout) -> None:
    """Migrate the databases and create the connections."""
    command = [sys.executable, "-m", "tools.stack.prepare"]
    answer = subprocess.run(
        command, cwd=checkout(), env=layout.environment(), capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise StackProblem(f"The databases could not be prepared:\n{answer.stderr.strip()[-2000:]}")


def provide_pools(layout: Layout) -> None:
    """Create the pool that bounds the builds in Koji, as `mbs pools` does: without it no build would start."""
    airflow = AirflowClient(layout.ui_url, Login("admin", secrets.password(layout, "admin")))
    try:
        pools.provide(airflow, load(layout.environment()).koji_builds_slots)
    except MbsError as error:
        raise StackProblem(f"The pool of the builds could not be created: {error}") from error


def launch(layout: Layout, service: Service, report: Report = print) -> None:
    """Start one service and wait until it is ready."""
    processes.start(layout, service.name, service.command, layout.environment())
    await_ready(layout, service, report)


def await_ready(layout: Layout, service: Service, report: Report = print) -> None:
    """Return when `service` is ready; raise with the end of its log where it ended or takes too long."""
    end = time.monotonic() + READY_SECONDS
    while not service.ready(layout):
        if processes.running(layout, service.name) is None:
            raise StackProblem(f"{service.name} ended:\n{processes.log_tail(layout, service.name)}")
        if time.monotonic() > end:
            log = processes.log_file(layout, service.name)
            raise StackProblem(f"{service.name} is not ready after {READY_SECONDS} s. See {log}.")
        time.sleep(0.25)
    report(f"{service.name} is ready")


def _check_ports(layout: Layout, missing: list[Service]) -> None:
    ports = layout.ports.named()
    taken = [variable for service in missing for variable in service.ports if _taken(ports[variable])]
    if taken:
        raise StackProblem(
            "\n".join(
                f"Port {ports[variable]} is taken by another program. Stop it, or choose another: {variable}=..."
                for variable in taken
            )
        )


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
