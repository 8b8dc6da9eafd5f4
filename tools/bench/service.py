"""A whole service for a measurement, and what its parts have spent: processor time, calls to the hub, transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psutil
from sqlalchemy import create_engine, text

from tools.stack import manager, supervisor
from tools.stack.apart import fresh_home
from tools.stack.client import RunningStack
from tools.stack.layout import checkout

AIRFLOW = ("api-server", "scheduler", "triggerer", "dag-processor")
"""The scheduler has the workers of the LocalExecutor below it."""

POSTGRES, HUB = "postgres", "devhub"


@dataclass(frozen=True, slots=True)
class Spent:
    """What the service has spent since it was started."""

    cpu: Mapping[str, float]
    """Seconds of processor time of each process, its descendants included."""
    calls: Mapping[str, int]
    """Calls to the hub by method, those inside multicalls included; none where the hub is not the service's own."""
    transactions: int
    """In the registry's database."""

    def since(self, before: Spent) -> Spent:
        """Give what was spent after `before`."""
        return Spent(
            {name: value - before.cpu[name] for name, value in self.cpu.items()},
            {name: count - before.calls.get(name, 0) for name, count in self.calls.items()},
            self.transactions - before.transactions,
        )


class MeasuredStack(RunningStack):
    """A running service that tells what it spends."""

    def spent(self) -> Spent:
        """Give what was spent until now."""
        counts = dict(self.hub.callMethod("devhub.callCounts")) if self.layout.hub.own else {}
        return Spent(self._cpu(), counts, self._transactions())

    def _cpu(self) -> dict[str, float]:
        measured = (*AIRFLOW, POSTGRES, HUB) if self.layout.hub.own else (*AIRFLOW, POSTGRES)
        return {name: _seconds(supervisor.process(self.layout, name)) for name in measured}

    def _transactions(self) -> int:
        engine = create_engine(self.layout.database_url("postgres"))
        query = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'mbs'")
        with engine.connect() as connection:
            count = int(connection.execute(query).scalar_one())
        engine.dispose()
        return count


@contextmanager
def running(*hub_options: str) -> Iterator[MeasuredStack]:
    """Run a service in var/bench, its own hub with these options of `devhub serve`; nothing of it remains running."""
    layout = replace(fresh_home(checkout() / "var" / "bench"), devhub_options=hub_options)
    try:
        manager.start(layout, lambda _: None)
        service = MeasuredStack(layout)
        service.publish_examples()
        service.import_platform()
        yield service
    finally:
        manager.stop(layout, lambda _: None)


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
