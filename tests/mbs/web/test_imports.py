"""Importing a module over the API, word by word as MBS answers."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from devhub.examples import commit_again, publish
from mbs.registry import ModuleState, Registry
from tests.conftest import ROOT
from tests.mbs.web.conftest import Clients

PLATFORM = (ROOT / "examples" / "platform" / "platform.yaml").read_text()
IMPORTER = {"x-user": "sam", "x-groups": "mbs-import-module"}
GROUPS = ("mbs-import-module",)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the git repositories."""
    scratch, directory = tmp_path_factory.mktemp("scratch"), tmp_path_factory.mktemp("git")
    documents = {
        "platform": PLATFORM,
        "nameless": PLATFORM.replace("  name: platform\n", ""),
        "broken": "document: modulemd\nversion: 2\ndata: 5\n",
    }
    for name, document in documents.items():
        (scratch / "modules" / name).mkdir(parents=True)
        (scratch / "modules" / name / f"{name}.yaml").write_text(document)
    publish(scratch, directory)
    return directory / "modules"


class Importing:
    """Imports of somebody."""

    def __init__(self, client_of: Clients, modules: Path) -> None:
        self._client_of, self._modules = client_of, modules

    def url(self, name: str) -> str:
        return f"file://{self._modules / name}?#{commit_again(self._modules / name, '1')}"

    def __call__(
        self, body: object, headers: dict[str, str] = IMPORTER, groups: tuple[str, ...] = GROUPS, version: int = 1
    ) -> httpx.Response:
        settings: dict[str, object] = {
            "allowed_groups_to_import_module": groups,
            "scmurls": (f"file://{self._modules}/",),
            "allow_local_scmurls": True,
        }
        content = body if isinstance(body, str) else json.dumps(body)
        answer: httpx.Response = self._client_of(settings=settings).post(
            f"/{version}/import-module/", content=content, headers=headers
        )
        return answer


@pytest.fixture
def imports(client_of: Clients, modules: Path) -> Importing:
    return Importing(client_of, modules)


@pytest.mark.parametrize("version", [1, 2])
def test_a_module_is_imported_and_imported_again(imports: Importing, registry: Registry, version: int) -> None:
    answer = imports({"scmurl": imports.url("platform")}, version=version)
    assert answer.status_code == 201, answer.text
    module, said = answer.json()["module"], answer.json()["messages"]
    assert said == ["Module platform:f40:1:00000000 imported"]
    shown = {name: module[name] for name in ("state", "owner", "rebuild_strategy", "scmurl", "siblings", "context")}
    assert shown == {
        "state": 5,
        "owner": "mbs_import",
        "rebuild_strategy": "all",
        "scmurl": None,
        "siblings": [],
        "context": "00000000",
    }
    assert (module["component_builds"], "tasks" in module) == ([], False)
    assert module["time_submitted"] == module["time_modified"] == module["time_completed"]
    [entry] = registry.builds.trace(module["id"])
    assert (entry.by, entry.origin) == ("sam", "introduced from testclient")
    again = imports({"scmurl": imports.url("platform")}, version=version).json()
    assert again["messages"] == [
        "Updating existing module build platform:f40:1:00000000.",
        "Module platform:f40:1:00000000 imported",
    ]
    assert again["module"]["id"] == module["id"]


@pytest.mark.parametrize(
    ("body", "headers", "groups", "status", "said"),
    [
        ({"scmurl": "x"}, {}, (), 403, "Import module API is disabled."),
        ({"scmurl": "x"}, {}, GROUPS, 401, "No 'authorization' header found."),
        (
            {"scmurl": "x"},
            {"x-user": "pat", "x-groups": "packager"},
            GROUPS,
            403,
            "pat is not in any of {'mbs-import-module'}, only {'packager'}",
        ),
        ("", IMPORTER, GROUPS, 400, "Invalid JSON submitted"),
        ("[]", IMPORTER, GROUPS, 400, "Invalid JSON submitted"),
        ({}, IMPORTER, GROUPS, 400, "Missing scmurl"),
        ({"scmurl": 5}, IMPORTER, GROUPS, 400, 'The "scmurl" parameter must be a string'),
        (
            {"scmurl": "https://elsewhere.example.org/x?#1a2b3c"},
            IMPORTER,
            GROUPS,
            403,
            "The submitted scmurl https://elsewhere.example.org/x?#1a2b3c is not allowed",
        ),
    ],
)
def test_what_is_refused_is_refused_as_mbs_does(
    imports: Importing,
    registry: Registry,
    body: object,
    headers: dict[str, str],
    groups: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    answer = imports(body, headers, groups)
    assert (answer.status_code, answer.json()["message"]) == (status, said)
    assert registry.builds.find().total == 0


@pytest.mark.parametrize("name", ["nameless", "broken"])
def test_a_document_that_cannot_be_imported_is_422(imports: Importing, registry: Registry, name: str) -> None:
    answer = imports({"scmurl": imports.url(name)})
    assert (answer.status_code, answer.json()["error"]) == (422, "Unprocessable Entity")
    assert registry.builds.find().total == 0


def test_what_is_imported_is_ready_for_what_is_built_on_it(imports: Importing, registry: Registry) -> None:
    assert imports({"scmurl": imports.url("platform")}).status_code == 201
    [row] = registry.builds.find().items
    assert (row.state, row.koji_tag, row.stream_version) == (ModuleState.READY, "module-f40-build", 400000)
