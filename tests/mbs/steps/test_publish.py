"""The import of a module build into a real hub: once, and never in the place of another's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import cast

import pytest

from mbs.koji.content_generator import import_module
from mbs.koji.session import HubAccount, HubSession
from mbs.model.errors import BuildFailed
from mbs.publish.documents import ArchDocument, FinalDocuments
from mbs.publish.metadata import Host, ModuleFacts, cg_metadata, output_files
from tests.conftest import RunningHub

Import = Callable[[int | None], bool]


@pytest.fixture
def imports(running_hub: RunningHub) -> Import:
    """Import a module build of this number under one name, in a directory of its own."""
    name = f"m{uuid.uuid4().hex[:8]}"
    documents = FinalDocuments(name, "all\n", (ArchDocument("x86_64", "arch\n", ()),))
    files = output_files(documents, (), source_modulemd="", build_log="log\n")
    account = HubAccount(running_hub.url, authentication="password", user="mbs", password="mbs")

    def run(number: int | None) -> bool:
        build_id = cast("int", number)  # None is what others import, who number no builds
        facts = ModuleFacts(build_id, "1", 20, "c0ffee00", "1", "20.c0ffee00", f"module-{name}", None, None, 10, 20)
        metadata = cg_metadata(name, facts, Host("x86_64", "Fedora 40", "0.1", {}), files, "all\n")
        with HubSession(account) as hub:
            return import_module(hub, f"{name}-1-20.c0ffee00", build_id, f"mbs/{name}-{number}", files, metadata)

    return run


def test_a_module_build_is_imported_once_however_often_it_is_tried(imports: Import) -> None:
    assert imports(7)
    assert not imports(7)


def test_a_build_of_that_name_that_another_module_build_imported_is_not_adopted(imports: Import) -> None:
    assert imports(7)
    with pytest.raises(BuildFailed, match=r"it is module build 7 of module-build-service, and not module build 8"):
        imports(8)
    assert not imports(7), "it is as it was"


def test_a_build_that_does_not_say_which_module_build_it_is_is_not_adopted(imports: Import) -> None:
    assert imports(None)
    with pytest.raises(BuildFailed, match=r"it is no module build, and not module build 7 of module-build-service"):
        imports(7)
