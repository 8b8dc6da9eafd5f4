"""Who commands are to a server: tokens, ~/.netrc, the stack of this machine; and `mbs pools`, as Airflow answers it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mbs.cli import main
from mbs.cli.server import known_login
from tests.mbs.cli.conftest import at_a_laptop

POOL = {"name": "koji_builds", "slots": 50}


@dataclass
class Airflow:
    """What the server answers, and what it was asked."""

    url: str = ""
    refusal: tuple[int, object] | None = None
    logins: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    pools: dict[str, dict[str, Any]] = field(default_factory=lambda: {"koji_builds": POOL})

    def answer(self, method: str, path: str, body: Any, token: str) -> tuple[int, object]:
        if path == "/auth/token":
            self.logins.append(body)
            right = body["username"] in {"pat", "admin"} and body["password"] == "geheim"
            return (201, {"access_token": "good"}) if right else (401, {"detail": "Invalid credentials"})
        self.tokens.add(token)
        if token != "Bearer good":
            return 401, {"detail": "Not authenticated"}
        return self.asked(method, path, body)

    def asked(self, method: str, path: str, body: Any) -> tuple[int, object]:
        if self.refusal:
            return self.refusal
        name = path.removeprefix("/api/v2/pools").removeprefix("/")
        if method == "POST":
            self.pools[body["name"]] = body
        found = self.pools.get(name or body["name"])
        return (200, found) if found else (404, {"detail": "no such pool"})


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    served = Airflow()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
            status, answer = served.answer(self.command, self.path, body, self.headers.get("Authorization", ""))
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the base class looks for this name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        at_a_laptop(served.url, tmp_path, monkeypatch)
        yield served
        server.shutdown()


def mbs_pools() -> Result:
    return CliRunner().invoke(main, ["pools"])


def pools() -> str:
    result = mbs_pools()
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_password_is_sent_once_for_a_token_and_stands_in_no_header(airflow: Airflow) -> None:
    pools()
    assert airflow.logins == [{"username": "pat", "password": "geheim"}], "from netrc, once"
    assert airflow.tokens == {"", "Bearer good"}


def test_a_token_needs_no_login(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MBS_API_TOKEN", "good")
    pools()
    assert (airflow.logins, airflow.tokens) == ([], {"Bearer good"}), "and netrc does not take its place"


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        ((403, {"detail": "Forbidden"}), "403 Forbidden"),
        ((500, "<html>\nOops</html>"), "500 <html> Oops</html>"),
        ((200, "<html>A web page</html>"), "is not Airflow"),
    ],
)
def test_what_airflow_answers_is_told_in_one_line(airflow: Airflow, refusal: tuple[int, object], why: str) -> None:
    airflow.refusal = refusal
    result = mbs_pools()
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert why in result.stderr


def test_the_missing_pool_is_created_in_the_size_of_the_settings(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MBS__KOJI_BUILDS_SLOTS", "7")
    airflow.pools.clear()
    assert pools() == "The pool koji_builds is created with 7 slots.\n"
    assert airflow.pools["koji_builds"]["slots"] == 7


def test_the_size_of_a_pool_that_exists_is_left_alone(airflow: Airflow) -> None:
    assert pools() == "The pool koji_builds exists with 50 slots.\n"
    assert airflow.pools == {"koji_builds": POOL}


@pytest.mark.usefixtures("airflow")
def test_a_wrong_password_is_told_but_not_shown(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login pat password falsch\n")
    result = mbs_pools()
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "refuses the login of pat: Invalid credentials" in result.stderr
    assert "falsch" not in result.output


def test_who_can_read_the_passwords_of_the_stack_on_this_machine_is_its_administrator(
    airflow: Airflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("")
    (tmp_path / "airflow.cfg").write_text("[core]\nsimple_auth_manager_passwords_file = $AIRFLOW_HOME/passwords.json\n")
    (tmp_path / "passwords.json").write_text('{"admin": "geheim", "packager": "other"}')
    monkeypatch.delenv("AIRFLOW_CONFIG")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    pools()
    assert airflow.logins == [{"username": "admin", "password": "geheim"}]


def test_the_passwords_of_this_machine_are_sent_to_no_other(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text(f"[core]\nsimple_auth_manager_passwords_file = {tmp_path}/passwords.json\n")
    (tmp_path / "passwords.json").write_text('{"admin": "geheim"}')
    environ = {"AIRFLOW_HOME": str(tmp_path)}
    assert known_login("http://localhost:8080", environ) is not None
    assert known_login("https://mbs.example.org", environ) is None


def test_without_a_login_or_a_terminal_the_ways_to_log_in_are_named(airflow: Airflow, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("")
    result = mbs_pools()
    assert (result.exit_code, airflow.logins) == (2, [])
    assert "MBS_API_TOKEN" in result.stderr
    assert "netrc" in result.stderr


@pytest.mark.usefixtures("airflow")
def test_an_airflow_that_is_away_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MBS_API_URL", "http://127.0.0.1:1")
    result = mbs_pools()
    assert (result.exit_code, result.stderr) == (
        1,
        "Airflow at http://127.0.0.1:1 does not answer: Connection refused\n",
    )
