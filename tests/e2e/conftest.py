"""One whole service for all stories: PostgreSQL, devhub, API server, scheduler, triggerer, DAG processor."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICKER.items():
            patch.setenv(name, value)
        for name in [name for name in os.environ if name.startswith("AIRFLOW__") and name not in QUICKER]:
            patch.delenv(name)
        started = World(fresh_home(checkout() / "var" / "e2e"))
        try:
            manager.start(started.layout)
            story.publish_examples(started.layout)
            story.import_platform(started.api)
            yield started
        finally:
            manager.stop(started.layout)


@pytest.fixture(scope="session")
def greeter(world: World) -> Followed:
    """A ready build of the example."""
    build = world.example("greeter")
    assert world.ends(build) == "success", world.row(build).state_reason
    return build
