"""Small programs under the real supervisord: what dies comes back, what is stopped leaves nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tools.stack import processes, supervisor
from tools.stack.layout import Layout, Ports
from tools.stack.services import Service

PATIENCE = 20.0
"""Seconds; two of them are supervisord's and its keeper's own pauses."""

UNTITLED = "import setproctitle, time; setproctitle.setproctitle('x' * 5000); time.sleep(300)"
"""A program that wipes its environment, as Airflow's do."""

LEAVES_OTHERS = f'setsid sleep 301 & sleep 302 & exec {sys.executable} -c "{UNTITLED}"'
"""One more of its group, and one in a session of its own."""


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)


def family(layout: Layout) -> set[int]:
    return {process.pid for process in supervisor.leftovers(layout)}


def pid_of(layout: Layout, name: str) -> int:
    if not supervisor.answers(layout):
        return 0
    program = supervisor.programs(layout)[name]
    return program.pid if program.runs else 0


def is_up(layout: Layout, name: str, *, instead_of: int = 0) -> bool:
    """Whether a program runs its own command with its two others, and is another process than before."""
    pid = pid_of(layout, name)
    return pid not in (0, instead_of) and len(psutil.Process(pid).children()) == 2


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    made = Layout(tmp_path, Ports())
    command = ("sh", "-c", LEAVES_OTHERS)
    supervisor.launch(made, [Service("postgres", ("sleep", "303")), Service("one", command), Service("two", command)])
    until(lambda: is_up(made, "one") and is_up(made, "two") and pid_of(made, "postgres") != 0)
    yield made
    left = supervisor.leftovers(made)
    supervisor.shut_down(made)
    assert not [process for process in left if processes.lives(process)]


def test_a_killed_program_comes_back_and_what_it_left_behind_is_gone(layout: Layout) -> None:
    killed = psutil.Process(pid_of(layout, "one"))
    left = killed.children()
    untouched = pid_of(layout, "two")
    killed.kill()
    until(lambda: is_up(layout, "one", instead_of=killed.pid))
    assert not [process for process in left if processes.lives(process)]
    assert pid_of(layout, "two") == untouched
    assert [len(supervisor.starts(layout, name)) for name in ("one", "two")] == [2, 1]


def test_a_killed_supervisord_comes_back_with_all_its_programs_and_each_runs_once(layout: Layout) -> None:
    before = supervisor.leftovers(layout)
    killed, count = pid_of(layout, "one"), len(before)
    supervisor.process(layout, "one").parent().kill()  # type: ignore[union-attr] # it is supervisord's child
    until(lambda: is_up(layout, "one", instead_of=killed) and is_up(layout, "two"))
    assert len(family(layout)) == count
    assert len([process for process in before if processes.lives(process)]) == 1, "the keeper"


def test_after_the_death_of_keeper_and_supervisord_stop_leaves_nothing(layout: Layout) -> None:
    left = supervisor.leftovers(layout)
    above = supervisor.process(layout, "one").parents()[:2]
    assert [" ".join(process.cmdline()).count("tools.stack.keeper") for process in above] == [0, 1]
    for process in reversed(above):
        process.kill()
    until(lambda: len(supervisor.leftovers(layout)) == len(left) - 2)  # a kill takes a moment
    supervisor.shut_down(layout)
    assert not [process for process in left if processes.lives(process)]


def test_stopping_stops_whole_groups(layout: Layout) -> None:
    left = [process for process in supervisor.leftovers(layout) if process.cmdline()[:1] == ["sleep"]]
    supervisor.stop(layout, "one")
    until(lambda: not all(processes.lives(process) for process in left))  # supervisord waits for the group's first only
    still = [process for process in left if processes.lives(process)]
    assert len(still) == len(left) - 1, "what has a session of its own goes before the next start"
    supervisor.start(layout, "one")
    until(lambda: is_up(layout, "one"))


def test_a_program_that_cannot_ask_what_runs_ends_nothing(layout: Layout) -> None:
    before, killed = supervisor.leftovers(layout), supervisor.process(layout, "one")
    (layout.run / "control").unlink()
    killed.kill()
    until(lambda: "FileNotFoundError" in supervisor.log_tail(layout, "one"))
    lost = [process for process in before if not processes.lives(process)]
    assert lost == [killed]


def test_nobody_else_may_read_what_the_programs_write(layout: Layout) -> None:
    status = Path(f"/proc/{pid_of(layout, 'one')}/status").read_text()
    assert "Umask:\t0077" in status
    assert {path.stat().st_mode & 0o077 for path in (layout.run, layout.logs)} == {0}


def test_a_program_waits_for_those_that_it_needs(tmp_path: Path) -> None:
    made = Layout(tmp_path, Ports())
    needy = Service("needy", ("sleep", "304"), needs=("postgres",))
    supervisor.launch(made, [Service("postgres", ("sleep", "305")), needy])
    try:
        until(lambda: bool(supervisor.starts(made, "needy")))
        time.sleep(1)
        assert supervisor.process(made, "needy").cmdline()[0] != "sleep", "no PostgreSQL answers"
    finally:
        supervisor.shut_down(made)


def test_another_environment_is_told_from_the_one_that_runs(layout: Layout) -> None:
    text = supervisor.text(layout, [])
    assert supervisor.text(Layout(layout.home, Ports(ui=1)), []) != text
    assert supervisor.text(Layout(layout.home, Ports()), []) == text


def test_a_session_number_that_belongs_to_another_by_now_has_no_processes() -> None:
    leader = psutil.Process(os.getsid(0)) if os.getsid(0) else None
    if leader is None:
        pytest.skip("this session's leader is out of sight")
    assert processes.of_session(leader.pid, leader.create_time())
    assert processes.of_session(leader.pid, leader.create_time() - 60) == []
