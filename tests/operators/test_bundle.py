"""The DAG files of module builds."""

from __future__ import annotations

import ast
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbs.model.nsvc import NSVC
from mbs.planning.ids import dag_id
from mbs.registry import Registry, engine_for
from mbs.registry.rows import StoredPlan
from operators.bundle import ModuleBuildBundle, has_children, replace, source_of
from tests.operators.conftest import NewPlan

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


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleBuildBundle:
    """A bundle with files of its own; a DAG processor that is idle goes round quickly."""
    monkeypatch.setattr("airflow.dag_processing.bundles.base.get_bundle_base_folder", lambda **_: tmp_path)
    monkeypatch.setattr("operators.bundle.ROUND", 0.05)
    return ModuleBuildBundle(name="module-builds", refresh_interval=30)


@pytest.fixture
def written(bundle: ModuleBuildBundle, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> ModuleBuildBundle:
    """A bundle whose files are those of the registry."""
    monkeypatch.setattr("operators.bundle.registry", lambda _: registry)
    assert bundle.refresh_interval == 0, "nothing was written yet"
    for _ in ("written", "written again, since it was not listened before"):
        bundle.refresh()
        assert bundle.refresh_interval in {0, 30}
    assert bundle.refresh_interval == 30
    return bundle


def test_the_files_may_be_old_until_the_registry_tells_of_a_change(
    written: ModuleBuildBundle, new_plan: NewPlan
) -> None:
    plan = new_plan(("tool", 1))
    assert tells(written)
    assert written.refresh_interval == 0, "until the files are written"
    written.refresh()
    assert written.refresh_interval == 30
    assert {path.name for path in written.path.iterdir()} == {f"{dag_id(plan.nsvc)}{end}" for end in (".json", ".py")}


def test_while_the_registry_does_not_answer_the_files_are_always_too_old(
    bundle: ModuleBuildBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Registry(engine_for("postgresql://nobody@127.0.0.1:1/nothing"))
    monkeypatch.setattr("operators.bundle.registry", lambda _: away)
    for _ in range(3):
        bundle.refresh()
        assert bundle.refresh_interval == 0


@pytest.mark.parametrize("parses", [True, False])
def test_a_dag_processor_that_parses_nothing_is_kept_waiting_until_there_is_a_change(
    written: ModuleBuildBundle, new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch, parses: bool
) -> None:
    monkeypatch.setattr("operators.bundle.ROUND", 30.0)
    monkeypatch.setattr("operators.bundle.has_children", lambda: parses)
    change = threading.Timer(0.5, new_plan, [("tool", 1)])
    began = time.monotonic()
    change.start()
    assert written.refresh_interval == (30 if parses else 0)
    assert time.monotonic() - began < 15
    change.join()


def test_a_process_that_parses_is_a_child() -> None:
    child = os.fork()
    if child == 0:
        os._exit(int(has_children()))
    assert has_children()
    assert os.waitpid(child, 0)[1] == 0, "one that was forked has none"


def tells(bundle: ModuleBuildBundle, seconds: float = 5) -> bool:
    """Wait for what PostgreSQL tells some milliseconds after a commit."""
    end = time.monotonic() + seconds
    while bundle.refresh_interval and time.monotonic() < end:
        time.sleep(0.01)
    return bundle.refresh_interval == 0
