"""What a kill -9 leaves is taken up by the next start, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from devhub import builds, tasks

if TYPE_CHECKING:
    from tests.devhub.daemon.conftest import Hub

SERVE = """
import sys, threading
from pathlib import Path
from devhub.daemon import Daemon
from devhub.database import Database
from devhub.settings import Settings

state = Path(sys.argv[1])
Daemon(Database.open(state / "hub.sqlite"), Settings(state=state, builders=2, builder_options={"poll": 0.02})).start()
print("working", flush=True)
threading.Event().wait()
"""


def live_and_die(hub: Hub, seconds: float) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE, str(hub.state)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"working\n"
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)


def test_builds_survive_any_number_of_kills(hub: Hub) -> None:
    hub.start()
    hub.ready("greeter-macros")
    hub.ready("phrasebook")
    hub.repo()
    hub.stop()
    started = [hub.build("libgreet", wait_repo=True)]
    for seconds in (0.05, 0.1, 0.2, 0.4):
        live_and_die(hub, seconds)
    hub.start()
    assert [hub.wait(task_id).state for task_id in started] == [tasks.CLOSED]
    for task_id in started:
        labels = [child.label for child in tasks.children(hub.reader, task_id) if child.method != "waitrepo"]
        assert sorted(filter(None, labels)) == ["aarch64", "srpm", "x86_64"]
    made = hub.build_of(started[0])
    assert made["state"] == builds.COMPLETE
    assert len(builds.rpms_of(hub.reader, made["id"])) == 6
    assert hub.repo()["state"] == 1
