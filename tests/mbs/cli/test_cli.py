from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mbs.cli import main
from mbs.cli.common import shows_errors
from mbs.model.errors import InvalidRequest
from tests.conftest import ROOT, PostgresUrl

EXAMPLES = ROOT / "examples"
GREETER = EXAMPLES / "modules" / "greeter" / "greeter.yaml"
PLATFORM = EXAMPLES / "platform" / "platform.yaml"
REFS = [
    word
    for name in ("greet", "libgreet", "phrasebook", "greeter-macros", "cpu-greet")
    for word in ("--ref", f"{name}={'a' * 40}")
]


@pytest.fixture
def mbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("AIRFLOW_CONFIG", str(tmp_path / "none.cfg"))
    monkeypatch.delenv("MBS_DATABASE_URL", raising=False)
    return CliRunner()


def run(mbs: CliRunner, *words: object) -> Result:
    return mbs.invoke(main, [str(word) for word in words])


def test_a_file_is_planned_without_any_server(mbs: CliRunner) -> None:
    result = run(mbs, "plan", GREETER, "--platform", PLATFORM, "--branch", "1", *REFS)
    assert result.exit_code == 0, result.output
    assert "greeter:1:40" in result.stdout
    assert "platform:f40:1:00000000" in result.stdout
    assert "module-f40-build (10)" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines() if "aaaaaaaaaaaa" in line]
    assert [row[0] for row in rows if len(row) == 3] == ["1", "2", "3"], "the first of each batch has its number"
    assert "1 module build" in result.stdout


def test_plans_are_printed_as_json(mbs: CliRunner) -> None:
    result = run(mbs, "plan", GREETER, "--platform", PLATFORM, "--json", *REFS)
    (plan,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["name"], one["batch"]) for one in plan["components"]] == [
        ("greeter-macros", 1),
        ("phrasebook", 1),
        ("libgreet", 2),
        ("cpu-greet", 3),
        ("greet", 3),
    ]


def test_a_refusal_is_one_line_per_problem_on_standard_error(mbs: CliRunner, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        GREETER.read_text().replace("summary:", "abstract:").replace("rationale: The library", "reason: The")
    )
    result = run(mbs, "validate", bad)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("line ") for line in lines)


def test_a_valid_document_is_said_to_be_valid(mbs: CliRunner) -> None:
    result = run(mbs, "validate", GREETER)
    assert (result.exit_code, result.stdout) == (0, f"{GREETER} is valid.\n")


@shows_errors
def refuse(text: str) -> None:
    raise InvalidRequest(text)


def test_a_refusal_that_quotes_somebody_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        refuse("git says: \x1b]0;mine\x07 \u202eolleh, \x9b2J Grüße\nand more")
    assert capsys.readouterr().err == "git says: \\x1b]0;mine\\x07 \\u202eolleh, \\x9b2J Grüße\nand more\n"


@pytest.mark.parametrize("words", [["plan"], ["explode"], ["validate", "/nowhere.yaml"], ["list", "--state", "blue"]])
def test_wrong_usage_is_status_2(mbs: CliRunner, words: list[str]) -> None:
    assert run(mbs, *words).exit_code == 2


@pytest.mark.parametrize("ref", ["greet", "greet=", "=abc"])
def test_a_ref_without_a_commit_is_wrong_usage(mbs: CliRunner, ref: str) -> None:
    assert run(mbs, "plan", GREETER, "--platform", PLATFORM, "--ref", ref).exit_code == 2


def test_a_missing_platform_is_explained(mbs: CliRunner) -> None:
    result = run(mbs, "plan", GREETER)
    assert result.exit_code == 2
    assert "Give a file with --platform" in result.stderr


@pytest.mark.parametrize("command", [["plan", "--platform", PLATFORM], ["validate"], ["import"]])
@pytest.mark.parametrize(("file", "why"), [("/nowhere.yaml", "does not exist"), (EXAMPLES, "is a directory")])
def test_a_file_that_is_none_is_wrong_usage(mbs: CliRunner, command: list[object], file: object, why: str) -> None:
    result = run(mbs, *command, file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"File '{file}' {why}." in result.stderr


@pytest.mark.parametrize("command", [["plan", "--platform", PLATFORM], ["validate"], ["plan", GREETER, "--platform"]])
@pytest.mark.parametrize(
    ("content", "why"), [(b"\x7fELF\xff", "UTF-8"), (b"", "was empty"), (b"a" * 70_000_000, "larger")]
)
def test_a_file_that_is_no_modulemd_is_refused_in_one_line(
    mbs: CliRunner, tmp_path: Path, command: list[object], content: bytes, why: str
) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    result = run(mbs, *command, tmp_path / "bad.yaml")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert why in result.stderr


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://127.0.0.1:9/modules/greeter?#abc", "https://127.0.0.1:9/modules/greeter does not answer: fatal:"),
        ("file:///nowhere/greeter?#abc", "does not appear to be a git repository"),
        ("https://127.0.0.1:9/modules/greeter", "Expected format is '<url>?[module-path]#[revision]'"),
        ("ftp://127.0.0.1:9/modules/greeter?#abc", "one of the schemes file, git, http, https"),
    ],
)
def test_a_url_that_cannot_be_read_is_explained_in_one_line(mbs: CliRunner, url: str, why: str) -> None:
    result = run(mbs, "plan", url, "--platform", PLATFORM)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert why in result.stderr


@pytest.mark.parametrize(
    "command", [["db", "upgrade"], ["list"], ["show", "1"], ["import", PLATFORM], ["plan", GREETER]]
)
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://pat:secret@127.0.0.1:1/none", "The registry's database does not answer"),
        ("nonsense:secret", "no URL of a PostgreSQL database"),
        ("postgresql://pat:secret@host:port/none", "no URL of a PostgreSQL database"),
        ("mysql://pat:secret@127.0.0.1/none", "no URL of a PostgreSQL database"),
    ],
)
def test_a_registry_that_cannot_be_reached_is_explained_in_one_line(
    mbs: CliRunner, monkeypatch: pytest.MonkeyPatch, command: list[object], url: str, why: str
) -> None:
    monkeypatch.setenv("MBS_DATABASE_URL", url)
    result = run(mbs, *command)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert why in result.stderr
    assert "secret" not in result.stderr


def test_broken_settings_are_told_without_a_traceback(mbs: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MBS__MAX_BUILDS", "many")
    result = run(mbs, "list")
    assert result.exit_code == 1
    assert "max_builds: 'many' is not a whole number" in result.stderr


def test_the_registry_is_made_filled_and_shown(
    mbs: CliRunner, monkeypatch: pytest.MonkeyPatch, postgres_url: PostgresUrl, tmp_path: Path
) -> None:
    url = postgres_url()
    monkeypatch.setenv("MBS_DATABASE_URL", url)
    assert run(mbs, "db", "upgrade").stdout.startswith("The registry is at revision 0")
    assert run(mbs, "import", PLATFORM).stdout == "Module platform:f40:1:00000000 imported\n"
    assert "Updating existing module build" in run(mbs, "import", PLATFORM).stdout
    shown = run(mbs, "show", "platform:f40:1:00000000")
    assert shown.exit_code == 0
    assert "ready" in shown.stdout
    (tmp_path / "platform.yaml").write_text(run(mbs, "show", "platform:f40:1:00000000", "--modulemd").stdout)
    assert run(mbs, "plan", GREETER, "--platform", tmp_path / "platform.yaml", *REFS).exit_code == 0
    listed = run(mbs, "list", "--state", "ready")
    assert "platform:f40:1:00000000" in listed.stdout
    assert "1 of 1" in listed.stdout
    nothing = run(mbs, "list", "--name", "nobody")
    assert (nothing.exit_code, nothing.stdout) == (0, "There are no such module builds.\n")
    missing = run(mbs, "show", "platform:f99:1:00000000")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "There is no module build platform:f99:1:00000000" in missing.stderr
    planned = run(mbs, "plan", GREETER, *REFS)
    assert planned.exit_code == 0, planned.stderr


def git(directory: Path, *words: str) -> str:
    identity = ["-c", "user.name=pat", "-c", "user.email=pat@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_commit_is_planned_from_its_repository(mbs: CliRunner, tmp_path: Path) -> None:
    repository = tmp_path / "greeter"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=1")
    (repository / "greeter.yaml").write_text(GREETER.read_text())
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=Greet")
    commit = git(repository, "rev-parse", "HEAD")
    url = f"file://{repository}?#{commit}"
    result = run(mbs, "plan", url, "--branch", "1", "--platform", PLATFORM, "--json", *REFS)
    assert result.exit_code == 0, result.stderr
    plan = json.loads(result.stdout)
    assert (plan["nsvc"]["name"], plan["nsvc"]["stream"], plan["scmurl"]) == ("greeter", "1", url)
    assert f"commit: {commit}" in plan["modulemd"]
    wrong = run(mbs, "plan", url, "--branch", "2", "--platform", PLATFORM, *REFS)
    assert wrong.exit_code == 1
    assert wrong.stdout == ""
