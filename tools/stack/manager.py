"""Starting, looking at and stopping the whole stack."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mbs.cli.airflow import AirflowClient, provide_pool
from mbs.cli.server import Login
from mbs.model.errors import MbsError
from mbs.settings.sources import load
from tools.stack import StackProblem, postgres, secrets, supervisor
from tools.stack.layout import Layout, checkout
from tools.stack.services import Service, heartbeat, services

READY_SECONDS = 120
"""How long a process may take until it is ready; on a loaded machine of two cores it is 15 to 40."""

TRIES = 3
"""Starts of a process before `start` gives it up; supervisord goes on."""

FIRST_MINUTE = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Status:
    """How a service does."""

    state: str
    """`ready`, `starting` or `stopped`."""
    starts: tuple[datetime, ...] = ()
    """When it was started, since the stack was; the first is no restart."""

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, len(self.starts) - 1)


def start(layout: Layout, report: Report = print) -> None:
    """Start what does not run yet, and return when all of it is ready."""
    layout.check()
    _keep_to_owner(layout)
    secrets.generate(layout)
    if not supervisor.runs_as_described(layout, services(layout)):
        _launch(layout)
    database, *others = services(layout)
    await_ready(layout, database, report)
    postgres.create_databases(layout)
    prepare(layout)
    report("databases and connections are prepared")
    supervisor.note_prepared(layout)
    for service in others:
        await_ready(layout, service, report)
        if service.name == "api-server":
            provide_pools(layout)


def stop(layout: Layout, report: Report = print) -> None:
    """Stop everything that was started, what it left behind included."""
    if supervisor.leftovers(layout):
        report("stopping " + ", ".join(service.name for service in reversed(services(layout))))
    supervisor.shut_down(layout)


def status(layout: Layout) -> dict[str, Status]:
    """Give the state of every service by its name."""
    programs = supervisor.programs(layout) if supervisor.answers(layout) else {}
    found = {}
    for service in services(layout):
        if programs and service.name not in programs:
            continue  # a devhub, where the stack was started for another hub
        runs = service.name in programs and programs[service.name].runs
        state = "stopped" if not runs else "ready" if is_ready(layout, service) else "starting"
        found[service.name] = Status(state, tuple(supervisor.starts(layout, service.name)))
    return found


def prepare(layout: Layout) -> None:
    """Migrate the databases and create the connections."""
    wanted = connections(layout)
    secrets.keep_connections(layout, wanted)
    answer = subprocess.run(
        [sys.executable, "-m", "tools.stack.prepare"],
        # Not in the environment: there, passwords could be read from every process of the stack.
        input=json.dumps({"connections": wanted, "first_build": first_build(layout)}),
        cwd=checkout(),
        env=layout.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise StackProblem(f"The databases could not be prepared:\n{answer.stderr.strip()[-2000:]}")


def first_build(layout: Layout) -> int:
    """Give the number that the first build of an empty registry gets.

    It is a part of every release that is built, and a named hub may have seen those of an earlier registry: minutes
    since 2026 were not there yet.
    """
    return 1 if layout.hub.own else int(time.time() - FIRST_MINUTE) // 60


def connections(layout: Layout) -> dict[str, dict[str, object]]:
    """Give the two connections that the service needs, for the hub and the embedded database."""
    return {
        "koji_default": layout.hub.connection(),
        "mbs_registry": {
            "conn_type": "postgres",
            "description": "The registry of module builds",
            "host": str(layout.postgres),
            "login": "postgres",
            "schema": "mbs",
        },
    }


def provide_pools(layout: Layout) -> None:
    """Create the pool that bounds the builds in Koji, as `mbs pools` does: without it no build would start."""
    airflow = AirflowClient(layout.ui_url, Login("admin", secrets.password(layout, "admin")))
    try:
        provide_pool(airflow, load(layout.environment()).koji_builds_slots)
    except MbsError as error:
        raise StackProblem(f"The pool of the builds could not be created: {error}") from error


def is_ready(layout: Layout, service: Service) -> bool:
    """Tell whether a service that runs does its work; a sign of life must be younger than its last start."""
    started = supervisor.starts(layout, service.name)
    if not started:
        return False
    return service.ready(layout) if service.heartbeat is None else heartbeat(layout, service) > started[-1]


def await_ready(layout: Layout, service: Service, report: Report = print) -> None:
    """Return when `service` is ready; raise with the end of its log where it keeps ending or takes too long.

    A loop of our own: starts that fail end it as well as the time, and each with words of its own.
    """
    before = len(supervisor.starts(layout, service.name))
    end = time.monotonic() + READY_SECONDS
    while not is_ready(layout, service):
        if len(supervisor.starts(layout, service.name)) - max(before, 1) >= TRIES - 1:
            raise StackProblem(f"{service.name} keeps ending:\n{supervisor.log_tail(layout, service.name)}")
        if time.monotonic() > end:
            log = layout.logs / f"{service.name}.log"
            raise StackProblem(f"{service.name} is not ready after {READY_SECONDS} s. See {log}.")
        time.sleep(0.25)
    report(f"{service.name} is ready")


def _launch(layout: Layout) -> None:
    """Start supervisord, after what was killed or started with other ports or for another hub is gone."""
    stop(layout, lambda _: None)
    chosen = services(layout)
    _check_ports(layout, chosen)
    postgres.initialise(layout)
    supervisor.launch(layout, chosen)


def _keep_to_owner(layout: Layout) -> None:
    """Let nobody else into var/: it has keys, passwords and the database's socket."""
    layout.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.var.chmod(0o700)


def _check_ports(layout: Layout, wanted: tuple[Service, ...]) -> None:
    ports = layout.ports.named()
    taken = [variable for service in wanted for variable in service.ports if _taken(ports[variable])]
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
