"""What reads cost the database: a constant number of statements for a list, and an index for every filter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, text

from mbs.registry import Registry, engine_for
from tests.conftest import PostgresUrl
from tests.mbs.web.conftest import serve
from tools.bench.api_data import fill

BIG = {"module_builds", "component_builds", "base_module_links", "module_traces", "component_traces", "messages"}
Statement = tuple[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def engine(postgres_url: PostgresUrl) -> Iterator[Engine]:
    """An engine on a registry with enough builds to make a scan worth avoiding."""
    engine = engine_for(postgres_url())
    fill(engine, builds=400, components=6, document="document: modulemd\n")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def client(engine: Engine) -> TestClient:
    return serve(Registry(engine))


@contextmanager
def statements(engine: Engine) -> Iterator[list[Statement]]:
    """Collect what is asked of the database."""
    seen: list[Statement] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Mapping[str, Any], *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("module-builds/?verbose=true", 6),
        ("module-builds/?", 4),
        ("module-builds/?short=true", 2),
        ("component-builds/?verbose=true", 3),
        ("component-builds/?", 2),
    ],
)
def test_a_list_takes_as_many_statements_whatever_it_has(
    client: TestClient, engine: Engine, path: str, most: int
) -> None:
    asked = []
    for size in (1, 50):
        with statements(engine) as seen:
            assert len(client.get(f"/1/{path}&per_page={size}").json()["items"]) == size
        asked.append(len(seen))
    assert asked == [most, most]


def test_an_empty_list_takes_one_statement(client: TestClient, engine: Engine) -> None:
    with statements(engine) as seen:
        client.get("/1/module-builds/?name=nothing&verbose=1")
    assert len(seen) == 1


@pytest.mark.parametrize(
    "query",
    [
        *("name=module-7", "stream=1.0", "version=20200000000001", "context=c4ca4238", "build_context=a"),
        *("build_context_no_bms=a", "runtime_context=a", "koji_tag=a", "cg_build_koji_tag=a", "scmurl=a", "owner=a"),
        *("rebuild_strategy=all", "reused_module_id=3", "state_reason=a", "srpms=" + quote('["a"]'), "modulemd=a"),
        *("stream_version=280000", "scratch=true", "batch=1", "batch=2", "nsvc=module-7:2.0", "state=4", "state=build"),
        *("submitted_before=2016-01-01T00:00:00Z", "modified_before=2016-01-01T00:00:00Z"),
        *("completed_before=2016-01-01T00:00:00Z", "virtual_stream=f21", "stream_version_lte=290000"),
        *("base_module_br=platform:f28:1:00000000", "base_module_br_name=platform&base_module_br_stream=f28"),
        *("base_module_br_stream_version=280000", "base_module_br_stream_version_lte=220000"),
        "nsvc=module-7:2.0&state=3&state=5&base_module_br_name=platform&base_module_br_stream_version_gte=220000",
    ],
)
def test_no_filter_of_module_builds_is_without_an_index(client: TestClient, engine: Engine, query: str) -> None:
    assert not scans_of(engine, client, f"module-builds/?verbose=1&{query}")


@pytest.mark.parametrize(
    "query",
    [
        *("package=package-3", "scmurl=a", "task_id=1", "ref=a", "state=3", "state_reason=a", "nvr=a", "tagged=true"),
        *("tagged_in_final=true", "build_time_only=true", "buildonly=true", "batch=1", "module_id=30", "weight=3"),
        *("reused_component_id=1", "module_id=30&state=1"),
    ],
)
def test_no_filter_of_components_is_without_an_index(client: TestClient, engine: Engine, query: str) -> None:
    assert not scans_of(engine, client, f"component-builds/?verbose=1&{query}")


@pytest.mark.parametrize("path", ["module-builds/21?verbose=1", "module-builds/21/messages", "component-builds/1"])
def test_no_item_is_without_an_index(client: TestClient, engine: Engine, path: str) -> None:
    assert not scans_of(engine, client, path)


def test_a_filter_without_an_index_would_be_noticed(engine: Engine) -> None:
    assert scans(engine, ("SELECT count(*) FROM module_builds WHERE branch = %(branch)s", {"branch": "1"}))


def scans_of(engine: Engine, client: TestClient, path: str) -> list[Any]:
    """Give the scans of big tables that a request makes."""
    with statements(engine) as seen:
        assert client.get(f"/1/{path}").status_code == 200
    return [scan for one in seen[:1] for scan in scans(engine, one)] + [
        scan
        for one in seen[2:]
        for scan in scans(engine, one)  # the second finds the page, in the order of the list
    ]


def scans(engine: Engine, asked: Statement) -> list[Any]:
    """Give the nodes of a plan that look at all rows of a big table for those they want, though indices are preferred.

    PostgreSQL, told to scan no table, still does where no index serves, or walks another index and looks at each row.
    """
    statement, parameters = asked
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        [[plan]] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", dict(parameters)).scalars().all()
    read = json.loads(plan) if isinstance(plan, str) else plan
    return [node for node in nodes(read["Plan"]) if node.get("Relation Name") in BIG and looks_at_all(node)]


def nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


def looks_at_all(node: Mapping[str, Any]) -> bool:
    by_index = "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
    return not by_index and "Filter" in node
