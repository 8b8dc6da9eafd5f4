"""The DAG files of module builds."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbs.model.nsvc import NSVC
from mbs.registry.rows import StoredPlan
from operators.bundle import replace, source_of

NSVC_OF_ALL = NSVC("greeter", "1", 20261122160000, "c0ffee42")
SUBMITTED = datetime(2026, 11, 22, 16, tzinfo=UTC)


def code_of(document: str) -> list[ast.stmt]:
    return ast.parse(source_of(StoredPlan(7, NSVC_OF_ALL, "{}", document, SUBMITTED))).body


def test_the_document_is_readable_in_the_file() -> None:
    source = source_of(StoredPlan(7, NSVC_OF_ALL, "{}", "document: modulemd\ndata:\n  name: greeter\n", SUBMITTED))
    assert "# document: modulemd\n# data:\n#   name: greeter\n" in source
    assert "airflow" in source.lower(), "Airflow reads only files with this word"


@pytest.mark.parametrize(
    "document",
    [
        "x\nimport os",
        "x\rimport os",
        "x\x0cimport os",
        "x\x0bimport os",
        "x\x85import os",
        "x\u2028import os",
        "x\x00y",
        "{build!r} {0} %s",
        '"""\nimport os\n"""',
        "-*- coding: utf-7 -*-\n+AGkAbQBwAG8AcgB0-",
        "trailing backslash \\\nimport os",
    ],
)
def test_nothing_of_a_document_becomes_code(document: str) -> None:
    assert [ast.dump(statement) for statement in code_of(document)] == [
        ast.dump(statement) for statement in code_of("harmless")
    ]


def test_what_hides_in_a_document_is_seen_in_the_file() -> None:
    source = source_of(StoredPlan(7, NSVC_OF_ALL, "{}", "name: a\u202e\u200b\ud800\tb\n", SUBMITTED))
    assert r"# name: a\u202e\u200b\ud800    b" in source
    source.encode()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    replace(path, "old")
    replace(path, "new")
    assert path.read_text() == "new"
    assert [found.name for found in tmp_path.iterdir()] == ["plan.json"]
