"""`mbs doctor` as a whole: a real hub, a real registry, git repositories; a server in the place of Airflow's API."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mbs.cli import main
from tests.conftest import ROOT, PostgresUrl, RunningHub

HEALTH = {name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "dag_processor")}
POOL = {"name": "koji_builds", "slots": 20}
SECRETS = ("fernet_key", "api_secret_key", "jwt_secret")


@pytest.fixture
def airflow() -> Iterator[str]:
    """What Airflow's API says of its health and of the pool."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = {"/api/v2/monitor/health": HEALTH, "/api/v2/pools/koji_builds": POOL}[self.path]
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing runs."""
    config = (ROOT / "airflow.cfg").read_text()
    (tmp_path / "airflow.cfg").write_text(config.replace(",https://src.fedoraproject.org/modules/", ""))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for name in list(os.environ):
        if name.startswith(("MBS_", "AIRFLOW__", "AIRFLOW_CON")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MBS_API_URL", "http://127.0.0.1:1")
    return tmp_path


@pytest.fixture
def healthy(
    home: Path, airflow: str, running_hub: RunningHub, postgres_url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The same, with everything as the local stack has it."""
    secrets = home / "var" / "secrets"
    secrets.mkdir(parents=True)
    connection = {"host": running_hub.url, "login": "mbs", "password": "mbs"}
    for name in SECRETS:
        (secrets / name).write_text("key")
    (secrets / "connections.json").write_text(json.dumps({"koji_default": connection}))
    for file in secrets.iterdir():
        file.chmod(0o600)
    for name in ("rpms", "modules"):
        (home / "var" / "examples" / name).mkdir(parents=True)
    monkeypatch.setenv("MBS_API_URL", airflow)
    monkeypatch.setenv("MBS_API_TOKEN", "good")
    monkeypatch.setenv("MBS_DATABASE_URL", postgres_url())
    assert CliRunner().invoke(main, ["import", str(ROOT / "examples" / "platform" / "platform.yaml")]).exit_code == 0
    return home


def doctor(*words: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *words])


def lines(result: Result, verdict: str) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith(f"{verdict}: ")]


@pytest.mark.usefixtures("healthy")
def test_a_service_that_is_set_up_is_right_in_everything() -> None:
    result = doctor()
    assert lines(result, "wrong") == []
    assert result.exit_code == 0, result.output
    assert "right: Koji hub: logged in as mbs, who has all grants that are needed (permissions: tag, target)" in (
        result.stdout.splitlines()
    )
    assert "right: Airflow: the pool koji_builds has 20 slots" in result.stdout


def test_what_is_wrong_is_one_line_with_the_command_that_mends_it(
    healthy: Path, running_hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"koji_default": {"host": running_hub.url, "login": "alice", "password": "alice"}}
    (healthy / "var" / "secrets" / "connections.json").write_text(json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__MBS__ALLOWED_GROUPS", "packager")
    result = doctor()
    assert result.exit_code == 1
    wrong = lines(result, "wrong")
    assert [line.partition("; mend it with: ")[2] for line in wrong if "alice" in line] == [
        "koji grant-permission tag alice",
        "koji grant-permission target alice",
        "koji grant-cg-access alice module-build-service --new",
    ]
    assert [line for line in wrong if "alice" not in line] == []
    assert any("nobody may submit by Airflow's form" in line for line in lines(result, "unseen"))


@pytest.mark.usefixtures("home")
def test_parts_that_do_not_answer_are_one_line_each_and_soon() -> None:
    start = time.monotonic()
    result = doctor()
    assert time.monotonic() - start < 60
    assert (result.exit_code, result.stderr) == (1, "")
    for part in ("Registry", "Koji hub", "Airflow"):
        assert len([line for line in result.stdout.splitlines() if line.startswith(f"wrong: {part}: ")]) == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
)
def test_a_hub_that_is_none_is_one_line(healthy: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    with server.accept()[0] as connection:
                        connection.recv(65536)
                        connection.sendall(answer)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("MBS_KOJI_HUB", f"http://127.0.0.1:{server.getsockname()[1]}/kojihub")
        result = doctor()
        server.shutdown(socket.SHUT_RDWR)
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert len([line for line in lines(result, "wrong") if "Koji hub" in line]) == 1
    assert healthy.exists()


@pytest.mark.usefixtures("healthy")
def test_settings_that_cannot_be_read_are_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MBS__MAX_BUILDS", "many")
    result = doctor()
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 2)
    assert "max_builds: 'many' is not a whole number" in result.stdout


@pytest.mark.usefixtures("healthy")
def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MBS_DATABASE_URL", "postgresql://pat:geheim@127.0.0.1:1/mbs")
    monkeypatch.setenv("AIRFLOW_CONN_KOJI_DEFAULT", "koji://mbs:geheim@127.0.0.1:1/http")
    result = doctor()
    assert result.exit_code == 1
    assert "geheim" not in result.output


@pytest.mark.usefixtures("healthy")
def test_a_terminal_gets_signs_instead_of_words() -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-c", "from mbs.cli import main; main(['doctor'])"]
    with subprocess.Popen(command, stdout=slave, env={**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"}) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
        assert process.wait() == 0
    os.close(master)
    assert "✓" in shown.decode()
    assert "0 wrong" in shown.decode()
