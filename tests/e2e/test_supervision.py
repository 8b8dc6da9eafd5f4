"""What runs the service on one machine brings back what dies, and leaves nothing when it is told to stop."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.e2e.world import World, module
from tools.stack import manager, processes, supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def listening(world: World) -> set[str]:
    """The addresses on which the stack's processes listen."""
    connections = [found for process in supervisor.leftovers(world.layout) for found in process.net_connections("tcp")]
    return {found.laddr.ip for found in connections if found.status == psutil.CONN_LISTEN}


def test_only_this_machine_reaches_the_service_and_only_its_owner_its_files(world: World) -> None:
    assert listening(world) == {"127.0.0.1"}
    assert world.layout.var.stat().st_mode & 0o777 == 0o700
    masks = {Path(f"/proc/{each.pid}/status").read_text().split("Umask:\t")[1][:4] for each in family(world)}
    assert masks == {"0077"}


def family(world: World) -> list[psutil.Process]:
    return supervisor.leftovers(world.layout)


@pytest.mark.own_hub
def test_a_killed_hub_comes_back(world: World) -> None:
    world.kill("devhub")
    world.becomes_ready()


def test_a_killed_supervisor_comes_back_with_all_that_it_ran(world: World) -> None:
    before = family(world)
    supervisor.process(world.layout, "scheduler").parent().kill()  # type: ignore[union-attr] # it is supervisord's child
    world.api.until(lambda: supervisor.answers(world.layout), "supervisord")
    world.becomes_ready()
    assert len([each for each in before if processes.lives(each)]) == 1, "the keeper"
    assert world.ends(world.paste(module("revived", {}))) == "success"


def test_stopping_after_a_kill_leaves_no_process_and_all_of_it_starts_again(world: World) -> None:
    world.kill("scheduler", "api-server")
    left = family(world)
    manager.stop(world.layout, lambda _: None)
    assert not [each for each in left if processes.lives(each)]
    assert {each.state for each in manager.status(world.layout).values()} == {"stopped"}
    manager.start(world.layout, lambda _: None)
    world.becomes_ready()
