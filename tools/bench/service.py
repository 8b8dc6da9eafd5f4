"""A whole service for a measurement, and what its parts have spent: processor time, calls to the hub, transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import yaml
from sqlalchemy import create_engine, text

from devhub.settings import read_seed
from tools.stack import manager, supervisor
from tools.stack.apart import fresh_home
from tools.stack.client import RunningStack
from tools.stack.hub import PLATFORM_TAG
from tools.stack.layout import checkout
from tools.stack.services import services

AIRFLOW = ("api-server", "scheduler", "dag-processor")
"""Airflow's processes, as far as a stack has them. The scheduler has the workers below it, and the Koji executor's own
process."""

POSTGRES, HUB = "postgres", "devhub"
ARCHES = ("aarch64", "x86_64")
"""What devhub builds for by itself."""
MORE_ARCHES = ("aarch64", "ppc64le", "s390x", "x86_64")
"""What it also builds for where nothing is compiled."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What the service has spent since it was started."""

    cpu: Mapping[str, float]
    """Seconds of processor time of each process, its descendants included."""
    calls: Mapping[str, int]
    """Calls to the hub by method, those inside multicalls included; none where the hub is not the service's own."""
    requests: int
    """HTTP requests that brought them."""
    transactions: int
    """In the registry's database."""

    def since(self, before: Spent) -> Spent:
        """Give what was spent after `before`."""
        return Spent(
            {name: value - before.cpu[name] for name, value in self.cpu.items()},
            {name: count - before.calls.get(name, 0) for name, count in self.calls.items()},
            self.requests - before.requests,
            self.transactions - before.transactions,
        )


class MeasuredStack(RunningStack):
    """A running service that tells what it spends."""

    def spent(self) -> Spent:
        """Give what was spent until now."""
        counts = dict(self.hub.callMethod("devhub.callCounts")) if self.layout.hub.own else {}
        requests = counts.pop("devhub.requests", 0)
        return Spent(self._cpu(), counts, requests, self._transactions())

    def _cpu(self) -> dict[str, float]:
        there = {service.name for service in services(self.layout)}
        measured = [name for name in (*AIRFLOW, POSTGRES, HUB) if name in there]
        return {name: _seconds(supervisor.process(self.layout, name)) for name in measured}

    def _transactions(self) -> int:
        engine = create_engine(self.layout.database_url("postgres"))
        query = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'mbs'")
        with engine.connect() as connection:
            count = int(connection.execute(query).scalar_one())
        engine.dispose()
        return count


@contextmanager
def running(
    *hub_options: str, arches: Sequence[str] = ARCHES, loggers: Mapping[str, str] | None = None
) -> Iterator[MeasuredStack]:
    """Run a service in var/bench, its own hub with these options of `devhub serve`; nothing of it remains running.

    `loggers` are levels of Airflow's loggers that differ from those in airflow.cfg.
    """
    layout = fresh_home(checkout() / "var" / "bench")
    if loggers:
        _set_levels(layout.home / "airflow.cfg", loggers)
    hub = ("--config", str(_hub_for(arches, layout.home / "hub.yaml")), *hub_options)
    layout = replace(layout, devhub_options=hub)
    try:
        manager.start(layout, lambda _: None)
        service = MeasuredStack(layout)
        service.publish_examples()
        service.import_platform()
        yield service
    finally:
        manager.stop(layout, lambda _: None)


def _set_levels(configuration: Path, loggers: Mapping[str, str]) -> None:
    text = configuration.read_text()
    configuration.unlink()  # it is a link to the checkout's
    more = " ".join(f"{name}={level}" for name, level in loggers.items())
    configuration.write_text(text.replace("namespace_levels = ", f"namespace_levels = {more} "))


def _hub_for(arches: Sequence[str], file: Path) -> Path:
    """Write what a hub begins with that has builders for these arches, and the platform's tag with them."""
    seed = read_seed()
    seed["hosts"] = {f"builder-{arch}": {"arches": f"{arch} noarch"} for arch in arches}
    seed["tags"][PLATFORM_TAG]["arches"] = " ".join(arches)
    file.write_text(yaml.safe_dump(seed))
    return file


def _seconds(process: psutil.Process) -> float:
    """Give the processor time of a process and its descendants, in seconds; the dead ones are in their parents'."""
    return sum(seconds_of(each) for each in (process, *process.children(recursive=True)))


def seconds_of(process: psutil.Process) -> float:
    """Give the processor time of a process and of its dead children, in seconds."""
    try:
        spent = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # ended this moment; its parent counts it the next time
    return float(spent.user + spent.system + spent.children_user + spent.children_system)
