"""What Koji's content-generator import is given for a module: files, checksums and metadata (§16.1, §16.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mbs.naming import CONTENT_GENERATOR
from mbs.publish.documents import FinalDocuments
from mbs.publish.rpms import RpmFact

BUILDROOT_ID = 1


@dataclass(frozen=True, slots=True)
class Host:
    """Where the import was made: part of the metadata's buildroot."""

    arch: str
    os: str
    version: str
    """Of this service."""
    tools: Mapping[str, str]
    """Versions by tool."""
    rpms: tuple[Mapping[str, object], ...] = ()
    """Packages installed on the host, as Koji wants them; empty where it is not an RPM system."""


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What the build says of itself; times in seconds since the epoch."""

    build_id: int
    stream: str
    module_version: int
    context: str
    version: str
    release: str
    koji_tag: str
    source: str | None
    owner: str | None
    """None where Koji has no such user."""
    start_time: int
    end_time: int


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file of the import."""

    filename: str
    content: bytes
    arch: str
    type: str
    rpms: tuple[RpmFact, ...] = ()

    def metadata(self) -> dict[str, object]:
        """Describe the file: md5 is what MBS sends and every hub knows; it guards transport, not trust."""
        described: dict[str, object] = {
            "buildroot_id": BUILDROOT_ID,
            "arch": self.arch,
            "type": self.type,
            "filename": self.filename,
            "filesize": len(self.content),
            "checksum_type": "md5",
            "checksum": hashlib.md5(self.content, usedforsecurity=False).hexdigest(),
        }
        if self.type == "file":
            described["extra"] = {"typeinfo": {"module": {}}}
            described["components"] = [_component(rpm) for rpm in self.rpms]
        return described


def output_files(
    documents: FinalDocuments, rpms: Sequence[RpmFact], *, source_modulemd: str, build_log: str
) -> tuple[OutputFile, ...]:
    """Give the files of one import, arches first; the source document and the log only where there is one."""
    everything = tuple(rpms)
    files = [
        OutputFile(f"modulemd.{doc.arch}.txt", _bytes(doc.text), doc.arch, "file", doc.rpms) for doc in documents.arches
    ]
    files.append(OutputFile("modulemd.txt", _bytes(documents.modulemd), "noarch", "file", everything))
    if source_modulemd:
        files.append(OutputFile("modulemd.src.txt", _bytes(source_modulemd), "src", "file", everything))
    if build_log:
        files.append(OutputFile("build.log", _bytes(build_log), "noarch", "log"))
    return tuple(files)


def cg_metadata(
    name: str, facts: ModuleFacts, host: Host, files: Iterable[OutputFile], modulemd: str
) -> dict[str, object]:
    """Give the metadata of `CGImport` (format version 0)."""
    return {
        "metadata_version": 0,
        "buildroots": [_buildroot(host)],
        "build": _build(name, facts, modulemd),
        "output": [file.metadata() for file in files],
    }


def _build(name: str, facts: ModuleFacts, modulemd: str) -> dict[str, object]:
    build: dict[str, object] = {
        "name": name,
        "version": facts.version,
        "release": facts.release,
        "source": facts.source,
        "start_time": facts.start_time,
        "end_time": facts.end_time,
        "extra": {
            "typeinfo": {
                "module": {
                    "module_build_service_id": facts.build_id,
                    "content_koji_tag": facts.koji_tag,
                    "modulemd_str": modulemd,
                    "name": name,
                    "stream": facts.stream,
                    "version": str(facts.module_version),
                    "context": facts.context,
                }
            }
        },
    }
    return build if facts.owner is None else {**build, "owner": facts.owner}


def _buildroot(host: Host) -> dict[str, object]:
    return {
        "id": BUILDROOT_ID,
        "host": {"arch": host.arch, "os": host.os},
        "content_generator": {"name": CONTENT_GENERATOR, "version": host.version},
        "container": {"arch": host.arch, "type": "none"},
        "components": [dict(rpm) for rpm in host.rpms],
        "tools": [{"name": tool, "version": version} for tool, version in sorted(host.tools.items())],
    }


def _component(rpm: RpmFact) -> dict[str, object]:
    return {
        "name": rpm.name,
        "version": rpm.version,
        "release": rpm.release,
        "arch": rpm.arch,
        "epoch": rpm.epoch,
        "sigmd5": rpm.sigmd5,
        "type": "rpm",
    }


def _bytes(text: str) -> bytes:
    return text.encode()
