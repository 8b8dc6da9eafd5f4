"""The metadata of the content-generator import."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mbs.model.errors import HubRefused
from mbs.model.naming import MACROS
from mbs.model.nsvc import NSVC
from mbs.planning.macros import spec
from mbs.publish.documents import ArchDocument, FinalDocuments
from mbs.publish.metadata import QUERY, Host, ModuleFacts, cg_metadata, installed_rpm, output_files
from mbs.publish.rpms import RpmFact, rpm_facts
from mbs.steps.macros import build_srpm

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


def test_missing_headers_are_named_once_and_with_their_arch() -> None:
    rpms = [
        {"id": number, "name": name, "arch": arch, "epoch": None, "build_id": 3}
        for number, (name, arch) in enumerate([("foo", "x86_64"), ("foo", "src"), ("foo", "x86_64"), ("bar", "noarch")])
    ]
    with pytest.raises(HubRefused, match=r"no license header for bar\.noarch, foo\.src, foo\.x86_64$"):
        rpm_facts(rpms, [], {})


def test_installed_packages_name_the_key_that_signed_them() -> None:
    common = "foo\t1\t2\tx86_64\t(none)\td41d8cd9"
    signed = "RSA/SHA256, Mon 02 Nov 2026 10:00:00 AM UTC, Key ID b49f6a2f2d3f5b1c"
    described = {"type": "rpm", "name": "foo", "version": "1", "release": "2", "arch": "x86_64", "sigmd5": "d41d8cd9"}
    for signatures in (f"{signed}\t(none)\t(none)", f"(none)\t{signed}\t(none)", f"(none)\t(none)\t{signed}"):
        expected = {**described, "epoch": None, "signature": "b49f6a2f2d3f5b1c"}
        assert installed_rpm(f"{common}\t{signatures}") == expected
    assert installed_rpm(f"{common}\t(none)\t(none)\t(none)")["signature"] is None


def test_rpm_answers_the_query_of_installed_packages(tmp_path: Path) -> None:
    srpm = build_srpm(tmp_path, spec(NSVC("tools", "1", 1, "c0ffee00"), "module+1", ()), "")
    answer = subprocess.run(["rpm", "-qp", "--qf", QUERY, srpm], capture_output=True, text=True, check=True)
    [line] = answer.stdout.splitlines()
    found = installed_rpm(line)
    assert (found["name"], found["version"], found["epoch"], found["signature"]) == (MACROS, "0.1", None, None)
    assert re.fullmatch("[0-9a-f]{32}", str(found["sigmd5"]))
