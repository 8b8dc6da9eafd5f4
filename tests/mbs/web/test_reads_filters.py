"""Which module builds a list has: every filter, with the numbers that MBS's own tests expect of their seven builds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from mbs.model.states import ModuleState
from mbs.registry import Registry, engine_for
from mbs.registry.models import BaseModuleLink, ModuleBuild
from tests.conftest import PostgresUrl
from tests.mbs.web import seven
from tests.mbs.web.conftest import serve


def ids(client: TestClient, query: str) -> list[int]:
    answer = client.get(f"/1/module-builds/?{query}&short=1")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    found = [item["id"] for item in shown["items"]]
    assert shown["meta"]["total"] == len(found) == len(set(found))
    return found


def refused(client: TestClient, query: str) -> str:
    answer = client.get(f"/1/module-builds/?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request"), answer.text
    return str(answer.json()["message"])


def change(registry: Registry, build_id: int, **facts: Any) -> None:
    with Session(registry.engine) as session, session.begin():
        session.execute(update(ModuleBuild).where(ModuleBuild.id == build_id).values(facts))


def add(registry: Registry, rows: Sequence[Any], *links: tuple[int, int]) -> None:
    with Session(registry.engine) as session, session.begin():
        session.execute(insert(ModuleBuild), rows)
        if links:
            session.execute(insert(BaseModuleLink), [{"build_id": one, "base_module_id": base} for one, base in links])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=nginx", 2),
        ("koji_tag=module-nginx-1.2", 2),
        ("completed_before=2016-09-03T11:30:00Z", 2),
        ("completed_after=2016-09-03T11:35:00Z", 3),
        ("submitted_before=2016-09-03T11:35:00Z", 2),
        ("submitted_after=2016-09-03T11:35:00Z", 5),
        ("modified_before=2016-09-03T11:35:00Z", 1),
        ("modified_after=2016-09-03T11:35:00Z", 6),
        ("state=3", 2),
        ("state=3&state=1", 4),
        ("state=done&state=wait", 4),
        ("owner=Moe%20Szyslak&modified_after=2016-09-03T11:35:00Z", 1),
        ("name=postgresql&stream=1&version=2", 1),
        ("stream_version=280000", 1),
        ("scratch=false", 7),
        ("scratch=1", 0),
        ("srpms=%5B%5D", 7),
        ("rebuild_strategy=changed-and-after", 6),
        ("scmurl=git://pkgs.domain.local/modules/nginx?%23ba95886c", 2),
        ("batch=0", 1),
        ("batch=2", 6),
        ("batch=1", 0),
        ("modulemd=" + quote(seven.DOCUMENT), 7),
        ("time_submitted=1970-01-01T00:00:00Z", 7),
        ("name=nginx&name=postgresql", 2),
        ("=", 7),
        ("a_new_parameter=1", 7),
    ],
)
def test_filters_of_module_builds(reader: TestClient, query: str, found: int) -> None:
    assert len(ids(reader, query)) == found


@pytest.mark.usefixtures("seven_builds")
@pytest.mark.parametrize(
    "column", ["build_context", "build_context_no_bms", "runtime_context", "cg_build_koji_tag", "state_reason"]
)
def test_filters_by_a_text_that_one_has(client: TestClient, registry: Registry, column: str) -> None:
    change(registry, 3, **{column: "one of a kind"})
    assert ids(client, f"{column}=one of a kind") == [3]
    assert ids(client, f"{column}=") == []


@pytest.mark.usefixtures("seven_builds")
def test_filters_by_what_was_reused_and_by_pasted_packages(client: TestClient, registry: Registry) -> None:
    change(registry, 3, reuse_from_id=2, srpms=["cli-build/1/a.src.rpm"], scratch=True)
    assert ids(client, "reused_module_id=2") == [3]
    assert ids(client, "srpms=" + quote('["cli-build/1/a.src.rpm"]')) == [3]
    assert ids(client, "scratch=TRUE") == [3]


@pytest.mark.parametrize(
    ("nsvc", "found"),
    [
        ("nginx:1:2:00000000", [2]),
        ("nginx:1:3", [5]),
        ("nginx:1", [5, 2]),
        ("nginx", [5, 2]),
        ("nginx:1:2:00000000:x86_64", [2]),
        ("nginx:2", []),
        ("nginx:1:two", []),
        (":1", []),
    ],
)
def test_nsvc_has_one_to_four_parts(reader: TestClient, nsvc: str, found: list[int]) -> None:
    assert ids(reader, f"nsvc={nsvc}") == found
    assert ids(reader, f"name=testmodule&nsvc={nsvc}") == found


@pytest.mark.usefixtures("seven_builds")
def test_bounds_of_times_are_inclusive(client: TestClient, registry: Registry) -> None:
    change(registry, 2, time_submitted=seven.at("11:23:20.700"))
    for bound in ("submitted_before", "submitted_after"):
        assert 2 in ids(client, f"{bound}=2016-09-03T11:23:20Z"), "it is shown with this second"
    assert 2 not in ids(client, "submitted_before=2016-09-03T11:23:19Z")
    assert 2 not in ids(client, "submitted_after=2016-09-03T11:23:21Z")


@pytest.mark.parametrize("suffix", ["", "Z", "+00", "-00", "+00:00", "-00:00", ".123Z"])
def test_times_in_utc_in_every_spelling(reader: TestClient, suffix: str) -> None:
    assert len(ids(reader, "submitted_before=" + quote(f"2016-09-03T11:35:00{suffix}"))) == 2


@pytest.mark.parametrize("time", ["2016-09-03T12:25:00-05:00", "2016-99-03T12:25:00Z", "now", "", "2016-09-03"])
def test_a_time_that_is_none_or_not_in_utc_is_refused(reader: TestClient, time: str) -> None:
    said = 'An invalid Zulu ISO 8601 timestamp was provided for the "completed_before" parameter'
    assert refused(reader, f"completed_before={time}") == said


@pytest.mark.parametrize("state", ["Ready", "", "nothing", "-1", "³"])
def test_a_state_that_there_is_not_is_refused(reader: TestClient, state: str) -> None:
    assert refused(reader, f"state={state}") == f"Invalid state was supplied: {state}"


def test_a_code_of_no_state_finds_nothing(reader: TestClient) -> None:
    assert ids(reader, "state=9") == []
    assert len(ids(reader, "state=9&state=3")) == 2


@pytest.mark.parametrize("name", ["batch", "reused_module_id", "new_repo_task_id", "stream_version"])
def test_a_text_for_a_number_is_refused(reader: TestClient, name: str) -> None:
    assert name in refused(reader, f"{name}=x")
    assert ids(reader, f"{name}={'9' * 300}") == []


def test_all_that_is_wrong_is_told_at_once(reader: TestClient) -> None:
    said = refused(reader, "state=x&batch=y&completed_after=z&base_module_br=a&stream_version_lte=b")
    assert len(said.splitlines()) == 5


@pytest.mark.parametrize("value", ["%00", "a%00b", "%ED%A0%80", "%F0%9F%A6%80", "'; DROP TABLE module_builds", "%25"])
@pytest.mark.parametrize(
    "name",
    [
        *("name", "version", "nsvc", "owner", "srpms", "modulemd", "virtual_stream", "base_module_br_name"),
        *("koji_tag", "scratch", "page", "per_page", "verbose", "base_module_br_version"),
    ],
)
def test_any_text_is_an_answer(reader: TestClient, name: str, value: str) -> None:
    assert reader.get(f"/1/module-builds/?{name}={value}").status_code == 200


@pytest.fixture(scope="module")
def with_base_modules(postgres_url: PostgresUrl) -> Iterator[TestClient]:
    """A client where there are more base modules, two of them virtually of the same stream as others."""
    engine = engine_for(postgres_url())
    registry = Registry(engine)
    seven.fill(registry)
    names = [("f28.0.0", 280000, "f28"), ("f29.0.0", 290000, "f29"), ("f29.1.0", 290100, "f29")]
    names.append(("f29.2.0", 290200, "f29"))
    add(registry, [seven.platform(10 + index, *name) for index, name in enumerate(names)], (2, 11), (5, 12))
    yield serve(registry)
    engine.dispose()


@pytest.mark.parametrize(("bound", "found"), [("280000", 2), ("280000.0", 2), ("290000", 1), ("293000", 3)])
def test_base_modules_of_the_same_release_up_to_a_version(
    with_base_modules: TestClient, bound: str, found: int
) -> None:
    assert len(ids(with_base_modules, f"name=platform&stream_version_lte={bound}")) == found


@pytest.mark.parametrize("bound", ["invalid", "9999", "nan", "inf", ""])
def test_a_stream_version_that_is_none_is_refused(reader: TestClient, bound: str) -> None:
    said = "An invalid value of stream_version_lte was provided. It must be an integer or float greater than or equal "
    assert refused(reader, f"stream_version_lte={bound}") == f"{said}to 10000."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("virtual_stream=f28", 1),
        ("virtual_stream=f29", 3),
        ("virtual_stream=f28&virtual_stream=f29", 4),
        ("virtual_stream=f30", 0),
    ],
)
def test_base_modules_by_virtual_stream(with_base_modules: TestClient, query: str, found: int) -> None:
    assert len(ids(with_base_modules, f"name=platform&{query}")) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("base_module_br=platform:f28:3:00000000", 6),
        ("base_module_br=platform:f29.0.0:3:00000000", 1),
        ("base_module_br=platform:f30:3:00000000", 0),
        ("base_module_br_name=platform&base_module_br_stream=f28", 6),
        ("base_module_br_version=3&base_module_br_context=00000000", 6),
        ("base_module_br_version=three", 0),
        ("base_module_br_stream_version=280000", 6),
        ("base_module_br_stream_version_lte=290100.0", 6),
        ("base_module_br_stream_version_lte=270000", 0),
        ("base_module_br_stream_version_lte=None", 0),
        ("base_module_br_stream_version_gte=0", 6),
        ("base_module_br_stream_version_gte=290100", 1),
        ("base_module_br_stream_version_gte=320000", 0),
        ("base_module_br_name=platform&base_module_br_stream=f28&base_module_br_stream_version_gte=290000", 0),
        ("base_module_br=platform:f28:3:00000000&base_module_br_stream=f29.0.0", 0),
    ],
)
def test_builds_by_what_base_module_they_were_built_against_each_once(
    with_base_modules: TestClient, query: str, found: int
) -> None:
    assert len(ids(with_base_modules, query)) == found


@pytest.mark.parametrize("text", ["platform:f28", "platform:f28:3:00000000:x", ""])
def test_a_base_module_is_named_by_all_four_parts(reader: TestClient, text: str) -> None:
    said = refused(reader, f"base_module_br={text}")
    assert said == 'The filter argument for "base_module_br" must be in the format of N:S:V:C'


def test_a_text_for_the_version_of_a_base_module_is_refused(reader: TestClient) -> None:
    assert "base_module_br_stream_version" in refused(reader, "base_module_br_stream_version_lte=x")


@pytest.mark.usefixtures("seven_builds")
def test_contexts_are_siblings(client: TestClient, registry: Registry) -> None:
    add(registry, [seven.build(20, "nginx", "1", 2, context="d5a6c0fa", state=ModuleState.BUILD)])
    [item] = client.get("/1/module-builds/?context=d5a6c0fa").json()["items"]
    assert (item["id"], item["siblings"]) == (20, [2])


@pytest.mark.usefixtures("seven_builds")
def test_entries_of_buildrequires_are_as_stored(client: TestClient, registry: Registry) -> None:
    entry = seven.REQUIRED["platform"] | {"filtered_rpms": ["a-b-0:1-1"]}
    change(registry, 2, buildrequires={"platform": entry})
    assert client.get("/1/module-builds/2").json()["buildrequires"] == {"platform": entry}


def test_no_list_of_nothing_lacks_its_meta(reader: TestClient) -> None:
    shown = reader.get("/1/module-builds/?name=nothing&short=true").json()
    assert (shown["items"], shown["meta"]["total"], shown["meta"]["pages"]) == ([], 0, 0)


def test_a_list_is_json_with_sorted_keys_as_mbs_writes_it(reader: TestClient) -> None:
    body = reader.get("/1/module-builds/?per_page=1&verbose=1").text
    assert body.startswith('{"items":[{"arches":["x86_64"],"base_module_buildrequires":[{"context":"00000000","id":1')
    assert body.endswith("}\n")
