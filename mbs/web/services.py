"""What the application works with; whoever runs it makes this once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from mbs.koji.session import HubSession
from mbs.model.users import User
from mbs.planning.planner import Planner, plan_in_sandbox
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.web.auth import Authenticator


class Runs(Protocol):
    """The runs of module builds in Airflow."""

    def fail(self, dag_id: str, reason: str, by: User) -> None:
        """Mark the run of a DAG that has not ended as failed, with a note; there may be none. Raises Infrastructure."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The registry, the hub, Airflow's runs, and who tells who asks."""

    settings: Settings
    registry: Callable[[], Registry]
    """Gives the registry of this process."""
    hub: Callable[[], AbstractContextManager[HubSession]]
    """Opens a session to Koji for one request, which logs in at its first call and tries everything once."""
    runs: Runs
    authenticators: tuple[Authenticator, ...]
    """In the order in which they are tried; none: nobody may write."""
    planner: Planner = field(default=plan_in_sandbox)
