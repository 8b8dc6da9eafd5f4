"""Where the stack lies, and what it refuses."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tools.stack import manager, processes, secrets
from tools.stack.layout import Layout, Ports
from tools.stack.problem import StackProblem
from tools.stack.services import services


def layout_at(home: Path) -> Layout:
    return Layout(home, Ports())


def test_a_port_that_is_taken_is_named_with_the_variable_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        layout = Layout(tmp_path, Ports(ui=port))
        with pytest.raises(StackProblem, match=f"Port {port} is taken.*MBS_UI_PORT"):
            manager._check_ports(layout, [service for service in services(layout) if service.name == "api-server"])


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1", ""])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MBS_UI_PORT", text)
    with pytest.raises(StackProblem, match="MBS_UI_PORT"):
        Ports.from_environment()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackProblem, match="shorter path"):
        layout_at(tmp_path / ("x" * 100)).check()


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    layout = layout_at(tmp_path)
    secrets.generate(layout)
    first = secrets.password(layout, "admin")
    secrets.generate(layout)
    assert secrets.password(layout, "admin") == first
    assert {path.stat().st_mode & 0o077 for path in layout.secrets.iterdir()} == {0}


def test_what_was_started_is_found_and_ended_with_what_it_left_behind(tmp_path: Path) -> None:
    layout = layout_at(tmp_path)
    script = "setsid sleep 300 & exec sleep 300"
    processes.start(layout, "sleeper", ["sh", "-c", script], {"PATH": "/usr/bin:/bin", "MBS_STACK": str(tmp_path)})
    assert processes.running(layout, "sleeper") is not None
    processes.stop(layout, "sleeper")
    processes.end(processes.orphans(layout))
    assert processes.running(layout, "sleeper") is None
    assert list(processes.orphans(layout)) == []
