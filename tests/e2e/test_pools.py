"""What happens where the pool of the builds is missing."""

from __future__ import annotations

import pytest

from mbs.registry import BuildFilter
from tests.e2e.world import World, module
from tools.stack import manager

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_submission_without_the_pool_is_refused_with_what_to_do_and_nothing_is_recorded(world: World) -> None:
    known = world.registry.builds.find(BuildFilter()).total
    world.api.call("DELETE", "pools/koji_builds")
    try:
        run = world.api.trigger("submit_module", {"modulemd": module("poolless", {})})
        ended = world.api.wait("submit_module", run)
    finally:
        manager.provide_pools(world.layout)
    assert ended["state"] == "failed"
    assert ended["note"] == "Airflow has no pool koji_builds, so no build could start. Have `mbs pools` run first."
    assert world.registry.builds.find(BuildFilter()).total == known
