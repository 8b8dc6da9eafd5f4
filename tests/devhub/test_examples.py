"""The examples as git repositories."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from devhub.examples import publish

EXAMPLES = Path(__file__).parents[2] / "examples"


def git(url: str, *arguments: str) -> str:
    directory = url.removeprefix("file://").partition("?")[0]
    command = ["git", "-C", directory, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_every_package_and_module_becomes_a_repository(tmp_path: Path) -> None:
    urls = publish(EXAMPLES, tmp_path)
    expected = {f"{kind}/{path.name}" for kind in ("rpms", "modules") for path in (EXAMPLES / kind).iterdir()}
    assert set(urls) == expected
    assert "greet.spec" in git(urls["rpms/greet"], "ls-tree", "--name-only", "main")


def test_commits_are_the_same_on_every_machine(tmp_path: Path) -> None:
    first, second = publish(EXAMPLES, tmp_path / "one"), publish(EXAMPLES, tmp_path / "two")
    assert {url.partition("#")[2] for url in first.values()} == {url.partition("#")[2] for url in second.values()}


def test_publishing_again_commits_only_what_changed(tmp_path: Path) -> None:
    source = tmp_path / "examples"
    shutil.copytree(EXAMPLES, source)
    before = publish(source, tmp_path / "git")
    (source / "rpms" / "greet" / "greet.c").write_text("int main(void) { return 0; }\n")
    after = publish(source, tmp_path / "git")
    assert {name for name in before if before[name] != after[name]} == {"rpms/greet"}
    assert git(after["rpms/greet"], "log", "--format=%s %ct", "main").splitlines() == [
        "Change greet 1767225660",
        "Add greet 1767225600",
    ]


def test_a_directory_without_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match=r"no directories rpms/\* or modules/\*"):
        publish(tmp_path, tmp_path / "git")
