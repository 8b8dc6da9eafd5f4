"""`mbs submit`, `cancel` and what is asked of module builds, over the REST API as it is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI, Request

from devhub.examples import commit_again, publish
from mbs.cli import main
from mbs.model.users import User
from mbs.registry import BuildFilter, ModuleBuildRow, ModuleState, Registry, engine_for
from mbs.settings import Settings
from mbs.steps.submit import read_import, register
from tests.conftest import ROOT, PostgresUrl, RunningHub
from tests.mbs.cli.conftest import at_a_laptop
from tests.served import application, serving

EXAMPLES = ROOT / "examples"
GREETER = EXAMPLES / "modules" / "greeter" / "greeter.yaml"
TOKENS = {"good": "pat", "better": "sam"}


class Bearer:
    """Knows two users by their tokens, as Airflow does."""

    name, method, is_ambient = "airflow", "oidc", False

    def user_of(self, request: Request) -> User | None:
        name = TOKENS.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        return User(name=name, way=self.name) if name else None

    def missing(self, request: Request) -> str:  # noqa: ARG002 - the protocol's
        return "No 'authorization' header found."


@dataclass(frozen=True)
class Server:
    """A server, its registry, and the sources that may be submitted."""

    url: str
    registry: Registry
    sources: Path

    @property
    def newest(self) -> ModuleBuildRow:
        """The build that was submitted last."""
        return self.registry.builds.find().items[0]


@pytest.fixture(scope="module")
def running(
    postgres_url: PostgresUrl, running_hub: RunningHub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    sources = tmp_path_factory.mktemp("sources")
    publish(EXAMPLES, sources)
    settings = Settings(
        allowed_groups=(),
        scmurls=(f"file://{sources}/",),
        allow_local_scmurls=True,
        yaml_submit_allowed=True,
        modules_allow_scratch=True,
        rebuild_strategy_allow_override=True,
        default_branch="main",
        rpms_default_repository=f"file://{sources}/rpms/",
        koji_cg_tag_build=False,
    )
    engine = engine_for(postgres_url())
    registry = Registry(engine)
    found = read_import({"modulemd": (EXAMPLES / "platform" / "platform.yaml").read_text()}, settings)
    register(found, "admin", registry=registry, settings=settings, skip_invalid=False)
    app = application(registry, settings, running_hub.url, airflow=Bearer())

    @app.post("/auth/token", status_code=201)
    def log_in(asked: dict[str, str]) -> dict[str, str]:
        return {"access_token": "good"} if asked == {"username": "pat", "password": "geheim"} else {}

    with serving(app) as url:
        yield Server(url, registry, sources)
    engine.dispose()


@pytest.fixture
def server(running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    at_a_laptop(running.url, tmp_path, monkeypatch)
    return running


def mbs(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def commit(server: Server) -> str:
    repository = server.sources / "modules" / "greeter"
    return f"file://{repository}?#{commit_again(repository, '1')}"


def test_a_commit_is_submitted_and_its_build_is_printed_with_its_page(server: Server) -> None:
    url = commit(server)
    result = mbs("submit", url, "--branch", "1")
    assert result.exit_code == 0, result.output
    build = server.newest
    assert (build.nsvc.name, build.nsvc.stream, build.owner) == ("greeter", "1", "pat")
    page = f"{server.url}/dags/greeter.1.{build.nsvc.version}.{build.nsvc.context}"
    assert result.stdout == f"{build.nsvc} is submitted: {page}\n"
    again = mbs("submit", url, "--branch", "1")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "already exists" in again.stderr


def test_a_file_is_submitted_with_its_options(server: Server) -> None:
    words = [GREETER, "--branch", "1", "--scratch", "--rebuild-strategy", "all", "--buildrequire", "platform=f40"]
    result = mbs("submit", *words, "--ref", "greet=main")
    assert result.exit_code == 0, result.output
    build = server.newest
    assert (build.scratch, build.rebuild_strategy, build.nsvc.name) == (True, "all", "greeter")


def test_a_refusal_is_one_line_per_problem_on_standard_error(server: Server) -> None:
    before = server.newest
    result = mbs("submit", "https://elsewhere.example.org/modules/greeter?#1a2b3c", "--branch", "1", "--owner", "robin")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 2)
    assert "The submitted scmurl https://elsewhere" in result.stderr
    assert "'owner'" in result.stderr
    assert server.newest == before


def test_builds_are_listed_and_shown_without_a_registry(server: Server) -> None:
    result = mbs("submit", GREETER, "--branch", "1", "--scratch")
    nsvc = str(server.newest.nsvc)
    assert nsvc in result.stdout
    assert nsvc in mbs("list", "--owner", "pat", "--state", "wait", "--limit", "1").stdout
    assert "There are no such module builds." in mbs("list", "--name", "nothing").stdout
    shown = mbs("show", nsvc).stdout
    for word in ("phrasebook", "module-build-macros", "waiting", "x86_64", "pat"):
        assert word in shown
    assert re.search(r"init +pat", shown), "who did it"
    assert re.search(r"^0 +module-build-macros", shown, re.MULTILINE), "batches are counted as everywhere else here"
    assert "name: greeter" in mbs("show", nsvc, "--modulemd").stdout
    missing = mbs("show", 999_999)
    assert (missing.exit_code, missing.stderr) == (1, "No such module found.\n")


def test_the_server_plans_without_a_registry_and_records_nothing(server: Server) -> None:
    before = server.newest
    result = mbs("plan", GREETER, "--branch", "1")
    assert result.exit_code == 0, result.output
    for word in ("greeter:1:", "platform:f40:1:00000000", "libgreet", "1 module build"):
        assert word in result.stdout
    refused = mbs("plan", "https://elsewhere.example.org/modules/greeter?#1a2b3c", "--branch", "1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is not allowed" in refused.stderr
    assert server.newest == before


def test_the_owner_cancels_a_build_and_nobody_else_does(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mbs("submit", GREETER, "--branch", "1", "--scratch").exit_code == 0
    build = server.newest
    monkeypatch.setenv("MBS_API_TOKEN", "better")
    refused = mbs("cancel", build.nsvc)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "You are not owner" in refused.stderr
    monkeypatch.setenv("MBS_API_TOKEN", "good")
    assert mbs("cancel", build.nsvc).stdout == f"{build.nsvc} is canceled.\n"
    assert server.registry.builds.get(build.id).state is ModuleState.FAILED
    watched = mbs("watch", build.nsvc)
    assert watched.exit_code == 1
    assert watched.stdout.splitlines()[-1] == f"{build.nsvc} is failed: Canceled by pat."


def test_a_stranger_is_told_how_to_log_in(server: Server, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("")
    before = server.registry.builds.find(BuildFilter()).total
    result = mbs("submit", GREETER, "--branch", "1", "--scratch")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No 'authorization' header found." in result.stderr
    assert "MBS_API_TOKEN" in result.stderr
    assert server.registry.builds.find(BuildFilter()).total == before
    assert mbs("list").exit_code == 0, "whoever reads need not log in"


@pytest.mark.usefixtures("server")
def test_a_server_that_is_away_or_another_one_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MBS_API_TOKEN", "good")
    monkeypatch.setenv("MBS_API_URL", "http://127.0.0.1:1")
    result = mbs("submit", GREETER)
    said = "The module build service at http://127.0.0.1:1 does not answer: Connection refused\n"
    assert (result.exit_code, result.stderr) == (1, said)
    with serving(FastAPI()) as other:
        monkeypatch.setenv("MBS_API_URL", other)
        result = mbs("list")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("word", ["platform", "=f40", "platform="])
@pytest.mark.usefixtures("server")
def test_a_stream_without_a_module_is_wrong_usage(word: str) -> None:
    assert mbs("submit", GREETER, "--buildrequire", word).exit_code == 2
