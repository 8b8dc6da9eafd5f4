"""One whole service for all stories: PostgreSQL, API server, scheduler, triggerer, DAG processor, and its hub.

The hub is a devhub that starts with the rest, or the one that MBS_KOJI_HUB names (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.world import World
from tools.demo import story
from tools.demo.story import Followed
from tools.stack import manager
from tools.stack.apart import fresh_home
from tools.stack.layout import checkout

QUICKER = {
    # A worker that was killed is noticed after seconds and not after a minute.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__MBS__KOJI_POLL_INTERVAL": "1",
}


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """A running service with the platform imported; its logs stay in var/e2e/var/log."""
    started = World(replace(fresh_home(checkout() / "var" / "e2e"), settings=QUICKER))
    try:
        manager.start(started.layout)
        story.publish_examples(started.layout)
        story.import_platform(started.api, started.layout.hub)
        yield started
    finally:
        manager.stop(started.layout)


@pytest.fixture(autouse=True)
def _what_only_devhub_can_do(request: pytest.FixtureRequest, world: World) -> None:
    if request.node.get_closest_marker("faults") and not world.takes_faults:
        pytest.skip("only a devhub can be told to fail, by its admin: MBS_KOJI_ADMIN_USER, MBS_KOJI_ADMIN_PASSWORD")
    if request.node.get_closest_marker("own_hub") and not world.layout.hub.own:
        pytest.skip("a hub that others use is not stopped")


@pytest.fixture(scope="session")
def greeter(world: World) -> Followed:
    """A ready build of the example."""
    build = world.example("greeter")
    assert world.ends(build) == "success", world.row(build).state_reason
    return build
