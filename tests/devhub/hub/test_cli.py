from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devhub.cli import main


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_state_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "hub.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    result = run("serve", "--state", tmp_path, "--port", "0", "--builders", "0")
    assert result.exit_code == 2
    told = f"devhub: {tmp_path}/hub.sqlite has schema 99, this devhub needs 1"
    assert result.stderr.splitlines() == [f"{told}; use the devhub that made it, or another --state"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub.sqlite"]


def test_a_port_in_use_leaves_no_state_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--state", tmp_path / "state", "--port", str(taken.getsockname()[1]))
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "cannot listen on" in result.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "text", ["users: [", "- a", "nonsense: {}", "users: [a]", "targets: {x: {build_tag: a}}", "tags: {f: 1}"]
)
def test_a_corrupt_configuration_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    config = tmp_path / "hub.yaml"
    config.write_text(text)
    result = run("init", "--state", tmp_path / "state", "--config", config)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert str(config) in result.stderr
    assert not (tmp_path / "state").exists()


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    assert run("serve", "--nonsense", "--state", tmp_path / "state").exit_code == 2
    assert not (tmp_path / "state").exists()


def test_init_twice_changes_nothing(tmp_path: Path) -> None:
    run("init", "--state", tmp_path)
    before = sqlite3.connect(tmp_path / "hub.sqlite").execute("SELECT count(*) FROM events").fetchone()
    assert run("init", "--state", tmp_path).exit_code == 0
    assert sqlite3.connect(tmp_path / "hub.sqlite").execute("SELECT count(*) FROM events").fetchone() == before
