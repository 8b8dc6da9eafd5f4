"""What the Makefile's commands choose to run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.stack.layout import checkout

HUB = "http://koji.example.org/kojihub"
STORY = "tests/contract/test_stories.py::test_a_module_build_is_imported_once"


def recipe(*words: str) -> list[str]:
    """Give the lines that make would run for itself, without running them."""
    done = subprocess.run(["make", "-n", *words], cwd=checkout(), capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "pytest" in line]


def test_contract_runs_only_what_touches_the_hub() -> None:
    command = [sys.executable, "-m", "pytest", "tests/contract", "--hub", HUB, "--collect-only", "-q"]
    done = subprocess.run(command, cwd=checkout(), capture_output=True, text=True, check=True)
    chosen = [line for line in done.stdout.splitlines() if "::" in line]
    assert chosen
    assert {line.partition("::")[0] for line in chosen} == {"tests/contract/test_stories.py"}


@pytest.mark.parametrize("words", [("contract", f"HUB={HUB}"), ("test",)])
def test_arguments_that_name_a_test_run_just_this_one(words: tuple[str, ...]) -> None:
    [line] = recipe(*words, f"ARGS={STORY} -x")
    assert [word for word in line.split() if word.startswith("tests/")] == [STORY]


def test_other_arguments_go_to_all_tests() -> None:
    [contract] = recipe("contract", f"HUB={HUB}", "ARGS=-k tagging")
    assert "pytest tests/contract" in contract
    assert [line.count("-k tagging") for line in recipe("test", "ARGS=-k tagging")] == [1, 1]
