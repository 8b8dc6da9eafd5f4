"""The metadata of the content-generator import."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from mbs.errors import HubRefused
from mbs.publish.documents import ArchDocument, FinalDocuments
from mbs.publish.metadata import Host, ModuleFacts, cg_metadata, output_files
from mbs.publish.rpms import RpmFact, rpm_facts

FOO = RpmFact("foo", "1", "2", "x86_64", "foo", "foo-0:1-2.src", sigmd5="d41d8cd9")
DOCUMENTS = FinalDocuments("tools", "all\n", (ArchDocument("x86_64", "arch ü\n", (FOO,)),))
FACTS = ModuleFacts(7, "s-1", 20, "c0ffee00", "s_1", "20.c0ffee00", "module-tools", "git://h/tools#1", None, 10, 20)
HOST = Host("x86_64", "Fedora 40", "0.1", {"libmodulemd": "2.15"})


def test_every_file_is_described_with_its_checksum_and_rpms() -> None:
    files = output_files(DOCUMENTS, [FOO], source_modulemd="src\n", build_log="log\n")
    assert [(file.filename, file.arch, file.type) for file in files] == [
        ("modulemd.x86_64.txt", "x86_64", "file"),
        ("modulemd.txt", "noarch", "file"),
        ("modulemd.src.txt", "src", "file"),
        ("build.log", "noarch", "log"),
    ]
    described = files[0].metadata()
    assert described["filesize"] == 8
    assert described["checksum"] == hashlib.md5("arch ü\n".encode(), usedforsecurity=False).hexdigest()
    assert described["components"] == [
        {
            "name": "foo",
            "version": "1",
            "release": "2",
            "arch": "x86_64",
            "epoch": None,
            "sigmd5": "d41d8cd9",
            "type": "rpm",
        }
    ]
    assert "components" not in files[3].metadata()


def test_a_pasted_document_has_no_source_file() -> None:
    files = output_files(DOCUMENTS, [FOO], source_modulemd="", build_log="")
    assert [file.filename for file in files] == ["modulemd.x86_64.txt", "modulemd.txt"]


def test_the_metadata_names_module_content_tag_and_document() -> None:
    metadata = cg_metadata("tools", FACTS, HOST, [], "all\n")
    build = metadata["build"]
    assert isinstance(build, dict)
    assert (build["version"], build["release"]) == ("s_1", "20.c0ffee00")
    assert build["extra"]["typeinfo"]["module"] == {
        "module_build_service_id": 7,
        "content_koji_tag": "module-tools",
        "modulemd_str": "all\n",
        "name": "tools",
        "stream": "s-1",
        "version": "20",
        "context": "c0ffee00",
    }
    assert "owner" not in build


def test_rpm_facts_join_rpms_builds_and_headers() -> None:
    common = {"version": "1", "release": "2", "build_id": 3, "payloadhash": "ab"}
    rpms = [
        {"id": 1, "name": "foo", "arch": "src", "epoch": 4, **common},
        {"id": 2, "name": "foo-libs", "arch": "x86_64", "epoch": None, **common},
    ]
    headers: dict[int, dict[str, Any] | None] = {
        1: {"license": "MIT", "exclusivearch": ["x86_64"], "excludearch": []},
        2: {"license": "BSD"},
    }
    _, libs = rpm_facts(rpms, [{"build_id": 3, "name": "foo"}], headers)
    assert (libs.srpm_name, libs.srpm_nevra, libs.license) == ("foo", "foo-4:1-2.src", "BSD")
    assert (libs.exclusivearch, libs.nevra, libs.epoch) == (("x86_64",), "foo-libs-0:1-2.x86_64", None)


def test_missing_headers_are_named() -> None:
    rpm = {"id": 1, "name": "foo", "arch": "src", "epoch": None, "build_id": 3}
    with pytest.raises(HubRefused, match="no license header for foo"):
        rpm_facts([rpm], [], {1: None})
