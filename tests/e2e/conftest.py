"""One whole service for all stories: PostgreSQL, API server, scheduler, DAG processor, and its hub.

The hub is a devhub that starts with the rest, or the one that MBS_KOJI_HUB names (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mbs.registry import BuildFilter, ModuleState
from tests.e2e.reader import TUTORIAL, Reader
from tests.e2e.world import STREAM, World
from tools.stack import manager
from tools.stack.apart import fresh_home
from tools.stack.client import FollowedBuild
from tools.stack.layout import checkout

QUICKER = {
    "task_instance_heartbeat_timeout = 60\n": "task_instance_heartbeat_timeout = 15\n"
    "task_instance_heartbeat_timeout_detection_interval = 2\n"
}
"""What of airflow.cfg is otherwise: a worker that was killed is noticed after seconds and not after a minute."""


PAGES = Path(__file__).with_name("test_pages.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Follow the pages last: what they build is newer than what other stories take for the newest."""
    items.sort(key=lambda item: item.path == PAGES)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """A running service with the platform imported; its logs stay in var/e2e/var/log."""
    started = World(fresh_home(checkout() / "var" / "e2e"))
    be_quicker(started.layout.home / "airflow.cfg")
    try:
        manager.start(started.layout)
        started.publish_examples()
        started.import_platform()
        yield started
    finally:
        manager.stop(started.layout)


def be_quicker(config: Path) -> None:
    """Replace the link to the checkout's airflow.cfg by a copy with other values."""
    text = config.read_text()
    config.unlink()
    for usual, quicker in QUICKER.items():
        assert text.count(usual) == 1
        text = text.replace(usual, quicker)
    config.write_text(text)


@pytest.fixture(scope="session")
def reader(world: World, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Who reads the documentation beside the running service."""
    if not world.layout.hub.own:
        pytest.skip("the pages speak of the stack's own devhub")
    return Reader(world.layout, tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def _what_only_devhub_can_do(request: pytest.FixtureRequest, world: World) -> None:
    if request.node.get_closest_marker("faults") and not world.takes_faults:
        pytest.skip("only a devhub can be told to fail, by its admin: MBS_KOJI_ADMIN_USER, MBS_KOJI_ADMIN_PASSWORD")
    if request.node.get_closest_marker("own_hub") and not world.layout.hub.own:
        pytest.skip("a hub that others use is not stopped")


@pytest.fixture(scope="session")
def greeter(world: World, tmp_path_factory: pytest.TempPathFactory) -> FollowedBuild:
    """A ready build of the example: that of the tutorial, where the hub is the one that it speaks of."""
    if not world.layout.hub.own:
        build = world.example("greeter", STREAM)
        assert world.ends(build) == "success", world.row(build).state_reason
        return build
    Reader(world.layout, tmp_path_factory.mktemp("home")).follow(TUTORIAL)
    [row] = world.registry.builds.find(BuildFilter(name="greeter", states=(ModuleState.READY,))).items
    return world.followed(row.id)
