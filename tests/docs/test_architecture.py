"""The page of the architecture tells the truth: floors, packages, files and tasks are those of the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from mbs.planning import ids
from mbs.planning.graph import Kind
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "architecture.md")
HOUSE, TASKS = (block.text for block in PAGE.blocks)
COLUMN = 13
"""Where the second column of the picture begins: what is in a folder."""


def contract(name: str) -> list[str]:
    """The layers of a contract of import-linter."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [layers] = [each["layers"] for each in settings["contracts"] if each["name"] == name]
    return list(layers)


def packages(folder: Path) -> set[str]:
    """The packages and modules directly in a folder, but for those of Airflow's and of typing's concern."""
    found = {path.parent.name for path in folder.glob("*/__init__.py")} | {path.stem for path in folder.glob("*.py")}
    return found - {"__init__", "provider_info"}


def floors() -> list[str]:
    """The floors of `mbs` in the picture, from the top to the bottom."""
    lines = HOUSE[HOUSE.index("mbs/") :].splitlines()
    return [re.split(r"  +", line[COLUMN:])[0] for line in lines]


def test_the_floors_are_the_layers_of_the_contract() -> None:
    assert floors() == [re.sub(r"[()]", "", layer) for layer in contract("the floors of mbs")]


def test_the_folders_above_them_are_those_of_the_contract_in_its_order() -> None:
    shown = re.findall(r"^(\w+)/", HOUSE, re.MULTILINE)
    assert shown == contract("dags -> operators -> mbs")


def test_every_package_is_in_the_picture_and_every_name_in_it_is_one() -> None:
    optional = set(re.findall(r"\((\w+)\)", " ".join(contract("the floors of mbs"))))
    assert set(re.findall(r"\w+", " ".join(floors()))) - optional == packages(ROOT / "mbs")
    [line] = [line for line in HOUSE.splitlines() if "hooks" in line]
    assert set(line.split()) == packages(ROOT / "operators")


def test_every_path_that_it_names_is_there() -> None:
    named = re.findall(r"`([\w.]+/[\w./]*)`", PAGE.text)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_class_that_it_names_is_one_of_the_domain() -> None:
    code = "".join(path.read_text() for path in (ROOT / "mbs").rglob("*.py"))
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", PAGE.text))
    assert len(named) > 4
    assert {name for name in named if not re.search(rf"^class {name}\b", code, re.MULTILINE)} == set()


def test_the_tasks_are_those_of_the_graph() -> None:
    chains = dict(map(_chain, TASKS.splitlines()))
    shown = {f"{group}.{task}" for group, tasks in chains.items() for task in tasks}
    assert shown > {ids.CREATE_TAG, ids.LINK_DEPENDENCIES, ids.REUSE_COMPONENTS, ids.MACROS_BUILD, ids.MACROS_REPO}
    publish = (Kind.FINAL_MODULEMD, Kind.IMPORT_BUILD, Kind.APPROVE, Kind.MARK_READY)
    assert chains["publish"] == [kind.value for kind in publish]
    assert ids.batch_gate_id(2) in shown
    assert ids.RECORD_FAILURE in chains


def _chain(line: str) -> tuple[str, list[str]]:
    group, *tasks = re.split(r"  +| -> | \.\.\. -> ", line)
    return group, tasks
