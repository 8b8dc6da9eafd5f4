"""Programs run for a task: logged while they run, and gone when they must be."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from devhub.builder.process import Canceled, Runner, TimedOut, host_environment, kill_orphans

LEAVES_A_CHILD = "sleep 3600 & echo $! > child; echo started; wait"


def dies(pid: int) -> bool:
    """A killed process takes a moment to go, and stays a zombie where nobody reaps orphans."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_output_goes_to_the_log_and_the_exit_code_to_the_caller(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "build.log")
    assert runner.run(["sh", "-c", "echo out; echo err >&2; exit 3"], tmp_path, host_environment(tmp_path)) == 3
    assert runner.log.read_text() == "out\nerr\n"


def test_a_canceled_program_is_gone_with_its_children(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "build.log")
    threading.Timer(0.3, runner.canceled.set).start()
    with pytest.raises(Canceled):
        runner.run(["sh", "-c", LEAVES_A_CHILD], tmp_path, host_environment(tmp_path))
    assert dies(int((tmp_path / "child").read_text()))


def test_a_program_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "build.log", timeout=0.3)
    with pytest.raises(TimedOut, match="sh took longer"):
        runner.run(["sh", "-c", LEAVES_A_CHILD], tmp_path, host_environment(tmp_path))
    assert dies(int((tmp_path / "child").read_text()))


def test_orphans_are_known_by_their_home_and_nobody_else_is_touched(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ours, theirs = host_environment(scratch / "7-x" / "home"), host_environment(tmp_path)
    with (
        subprocess.Popen(["sleep", "3600"], cwd=tmp_path, env=ours) as orphan,
        subprocess.Popen(["sleep", "3600"], cwd=scratch, env=theirs) as stranger,
    ):
        kill_orphans(scratch)
        assert orphan.wait(10) == -9
        assert stranger.poll() is None
        stranger.kill()
