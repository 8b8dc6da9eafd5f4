"""What the application works with; whoever runs it makes this once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import Depends, Request

from mbs.koji.facts import KojiFacts
from mbs.koji.session import HubSession
from mbs.model.errors import Busy
from mbs.planning.hub import Hub as Facts
from mbs.planning.planner import Planner, plan_in_sandbox
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.steps.cancel import Runs
from mbs.web.auth import Authenticator
from mbs.web.auth.peers import Networks, networks


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
    places: BoundedSemaphore = field(init=False)
    """Of the submissions that are planned at a time."""
    trusted: Networks = field(init=False)
    """Front servers whose headers count."""

    def __post_init__(self) -> None:
        """Make as many places as the settings allow, and read the networks that they name."""
        object.__setattr__(self, "places", BoundedSemaphore(self.settings.submissions_at_once))
        object.__setattr__(self, "trusted", networks(self.settings.trusted_proxies))

    def room(self) -> AbstractContextManager[None]:
        """Take one of the places for what is done in a process of its own. Raises Busy."""
        said = "As many documents are being read as may be at a time. Try again in a few seconds."
        return place(self.places, said)

    @contextmanager
    def anonymous_hub(self) -> Iterator[HubSession]:
        """Open a session to Koji that logs in as nobody."""
        with self.hub() as ours, ours.anonymous() as hub:
            yield hub

    @contextmanager
    def planning(self) -> Iterator[Facts]:
        """Take a place for planning a submission, and give what Koji says for it. Raises Busy."""
        with self.room(), self.anonymous_hub() as hub:
            yield KojiFacts(hub)


@contextmanager
def place(places: BoundedSemaphore, said: str) -> Iterator[None]:
    """Take one of the places at once, or raise Busy."""
    if not places.acquire(blocking=False):
        raise Busy(said)
    try:
        yield
    finally:
        places.release()


def services_of(request: Request) -> Services:
    """Give what the application works with."""
    services: Services = request.app.state.services
    return services


async def _given(request: Request) -> Services:
    """Give it to a route; FastAPI runs in a thread of its own what is not async."""
    return services_of(request)


Given = Annotated[Services, Depends(_given)]
