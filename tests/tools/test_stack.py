"""Where the stack lies, and what it refuses."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from mbs.cli.doctor.account import FILE, find
from tests.conftest import PostgresUrl
from tools.stack import StackProblem, manager, secrets
from tools.stack.environment import forget_services
from tools.stack.hub import Account, Hub
from tools.stack.layout import Layout, Ports, checkout, layout
from tools.stack.services import services

DEPLOY = checkout() / "docs" / "how-to" / "deploy.md"
CONNECTIONS = {
    "AIRFLOW_CONN_KOJI_DEFAULT": '{"conn_type": "koji", "host": "https://koji.example.org/kojihub"}',
    "AIRFLOW_CONN_MBS_REGISTRY": "postgresql://mbs@db.example.org/mbs",
    "PGHOST": "db.example.org",
    "MBS_API_TOKEN": "a token of https://mbs.example.org",
}
NAMED = {"MBS_KOJI_HUB": "http://koji.example.org/kojihub/", "MBS_KOJI_USER": "builder", "MBS_KOJI_PASSWORD": "secret"}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A shell with the exports of the page that tells how to deploy, and more of the kind."""
    exported = dict(re.findall(r"^export (\w+)=(\S+)", DEPLOY.read_text(), re.MULTILINE)) | CONNECTIONS
    assert {"AIRFLOW_HOME", "MBS_DATABASE_URL", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"} <= set(exported)
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    return exported


def layout_at(home: Path) -> Layout:
    return Layout(home, Ports())


def test_a_port_that_is_taken_is_named_with_the_variable_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        layout = Layout(tmp_path, Ports(ui=port))
        with pytest.raises(StackProblem, match=f"Port {port} is taken.*MBS_UI_PORT"):
            manager._check_ports(layout, services(layout))


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1", ""])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(StackProblem, match="MBS_UI_PORT"):
        Ports.from_environment({"MBS_UI_PORT": text})


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


def test_the_doctor_finds_the_hub_of_the_stack_without_any_variable(tmp_path: Path) -> None:
    layout = layout_at(tmp_path)
    secrets.generate(layout)
    for _ in range(2):  # every start writes what counts now
        secrets.keep_connections(layout, manager.connections(layout))
    file = tmp_path / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    found = find({}, file, dict)
    assert (found.account.hub_url, found.account.user) == ("http://127.0.0.1:8765/kojihub", "mbs")


def test_nothing_that_a_shell_exports_for_production_reaches_the_stack(production: dict[str, str]) -> None:
    stack = layout()
    given = stack.environment()
    assert stack.home == checkout()
    assert [name for name, value in production.items() if given.get(name) == value] == []
    assert "example.org" not in json.dumps(given)


def test_nothing_that_a_shell_exports_for_production_reaches_a_test_or_a_measurement(
    production: dict[str, str],
) -> None:
    environ = production | {"MBS_UI_PORT": "9090", "MBS_TEST_CORPUS": "/data", "PATH": "/bin", **NAMED}
    forget_services(environ, checkout())
    kept = {"AIRFLOW_HOME", "MBS_UI_PORT", "MBS_TEST_CORPUS", "PATH", *NAMED}
    assert set(environ) == kept
    assert environ["AIRFLOW_HOME"] == str(checkout())


def test_a_database_that_the_stack_did_not_create_is_refused_and_nothing_is_done_to_it(
    tmp_path: Path, postgres_url: PostgresUrl
) -> None:
    url = postgres_url().replace("postgresql://", "postgresql+psycopg2://")
    stack = layout_at(tmp_path)
    (tmp_path / "airflow.cfg").write_text(f"[database]\nsql_alchemy_conn = {url.replace('%', '%%')}\n")
    before = inspect(create_engine(url)).get_table_names()
    done = subprocess.run(
        [sys.executable, "-m", "tools.stack.prepare"],
        input=json.dumps({"connections": manager.connections(stack), "first_build": 1}),
        env=stack.environment(),
        cwd=checkout(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "[database] sql_alchemy_conn names a database that this stack did not create" in done.stderr
    assert inspect(create_engine(url)).get_table_names() == before


def test_another_hub_takes_the_place_of_devhub(tmp_path: Path) -> None:
    own = layout_at(tmp_path)
    named = Layout(tmp_path, Ports(), named_hub=Hub.named(NAMED))
    assert own.hub.connection()["host"] == "http://127.0.0.1:8765/kojihub"
    assert {each.name for each in services(own)} - {each.name for each in services(named)} == {"devhub"}
    connection = manager.connections(named)["koji_default"]
    assert (connection["host"], connection["login"]) == ("http://koji.example.org/kojihub", "builder")
    assert "secret" not in json.dumps(named.environment()), "every process could read it there"


def test_a_named_hub_has_places_and_an_administrator_where_they_are_told() -> None:
    more = {"MBS_KOJI_FILES_URL": "http://files.example.org/", "MBS_KOJI_PLATFORM_TAG": "el9-build"}
    admin = {"MBS_KOJI_ADMIN_USER": "root", "MBS_KOJI_ADMIN_PASSWORD": "toor"}
    plain, told = Hub.named(NAMED), Hub.named(NAMED | more | admin)
    assert plain is not None
    assert told is not None
    assert (plain.files, plain.admin.user) == ("http://koji.example.org/kojifiles", "")
    assert (told.files, told.platform_tag) == ("http://files.example.org", "el9-build")
    assert told.admin == Account("root", "toor")
    assert told.connection()["extra"] == {"authentication": "password", "files_url": "http://files.example.org"}


@pytest.mark.parametrize("missing", ["MBS_KOJI_USER", "MBS_KOJI_PASSWORD"])
def test_a_hub_that_is_named_without_an_account_is_refused(missing: str) -> None:
    with pytest.raises(StackProblem, match=f"set {missing} too"):
        Hub.named({name: value for name, value in NAMED.items() if name != missing})


def test_releases_built_in_a_named_hub_are_not_those_of_an_earlier_registry(tmp_path: Path) -> None:
    assert manager.first_build(layout_at(tmp_path)) == 1
    assert manager.first_build(Layout(tmp_path, Ports(), named_hub=Hub.named(NAMED))) > 400_000


def test_sources_that_others_fetch_have_the_url_that_they_use(tmp_path: Path) -> None:
    served = Layout(tmp_path, Ports(), sources_url="http://laptop.example.org/git")
    assert layout_at(tmp_path).sources == f"file://{tmp_path}/var/examples/"
    assert served.environment()["AIRFLOW__MBS__SCMURLS"] == "http://laptop.example.org/git/"
    assert served.environment()["AIRFLOW__MBS__RPMS_DEFAULT_REPOSITORY"] == "http://laptop.example.org/git/rpms/"
