"""Planning the examples as somebody does who has just cloned the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from devhub.examples import publish
from mbs.cli import main
from tests.conftest import ROOT, PostgresUrl

PLATFORM = ("--branch", "1", "--platform", "examples/platform/platform.yaml")
GREETER = "examples/modules/greeter/greeter.yaml"
SALUTE = "examples/modules/salute/salute.yaml"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing was done yet, as the current directory."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    shutil.copy(ROOT / "airflow.cfg", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("AIRFLOW_HOME", "AIRFLOW_CONFIG", "MBS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_missing_repositories_of_the_examples_are_explained(clone: Path) -> None:
    result = CliRunner().invoke(main, ["plan", GREETER, *PLATFORM])
    *missing, hint = result.stderr.splitlines()
    assert (result.exit_code, len(missing)) == (1, 5)
    assert hint == (
        f"There is no directory {clone}/var/examples/rpms, where the setting rpms_default_repository looks. "
        "The repositories of the examples are made by: devhub examples"
    )


def test_a_module_that_is_missing_is_explained(clone: Path) -> None:
    publish(Path("examples"), clone / "var" / "examples")
    result = CliRunner().invoke(main, ["plan", SALUTE, *PLATFORM])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].startswith(
        "Give the documents of the modules to build against with --module. They are printed by: "
        "mbs plan FILE --modulemd"
    )


@pytest.mark.usefixtures("clone")
def test_other_refusals_have_no_hints() -> None:
    result = CliRunner().invoke(main, ["plan", SALUTE, "--branch", "1", "--platform", GREETER])
    assert (result.exit_code, result.stdout) == (1, "")
    assert all(line.startswith(f"{GREETER}: ") for line in result.stderr.splitlines()), result.stderr


def test_in_a_checkout_whose_stack_runs_the_registry_is_asked_without_any_variable(
    clone: Path, postgres_url: PostgresUrl
) -> None:
    url = make_url(postgres_url())
    (clone / "var").mkdir()
    (clone / "var" / "postgres").symlink_to(str(url.query["host"]))
    config = (clone / "airflow.cfg").read_text()
    (clone / "airflow.cfg").write_text(config.replace("postgres@/mbs?", f"postgres@/{url.database}?"))
    result = CliRunner().invoke(main, ["list"])
    assert (result.exit_code, result.output) == (0, "There are no such module builds.\n")


@pytest.mark.parametrize("command", [["list"], ["plan", GREETER], ["import", PLATFORM[-1]]])
def test_before_the_first_start_a_command_says_what_starts_the_registry(clone: Path, command: list[str]) -> None:
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert f"No PostgreSQL runs in {clone}/var/postgres" in result.stderr
    assert "`make demo` starts it" in result.stderr
    assert ("--platform" in result.stderr) == (command[0] == "plan")
