"""What Koji's content-generator import is given: files, checksums, metadata, and where it was made (§16.1, §16.2)."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from mbs.model.naming import CONTENT_GENERATOR
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


DISTRIBUTION = "airflow-module-build-service"
_TIMEOUT = 60.0
_FIELDS = ("name", "version", "release", "arch", "epoch", "sigmd5")
_SIGNATURES = ("SIGPGP", "SIGGPG", "RSAHEADER")
"""Where RPM keeps a signature: of the whole package, or of its header alone."""
_ASKED = (*_FIELDS, *(f"{tag}:pgpsig" for tag in _SIGNATURES))
QUERY = "\\t".join(f"%{{{asked}}}" for asked in _ASKED) + "\\n"
"""What `rpm --queryformat` is asked for; `installed_rpm` reads a line of the answer."""
_NONE = "(none)"
_KEY_ID = "Key ID "


@cache
def this_host(library: str) -> Host:
    """Describe this machine and this service, once per process."""
    return Host(
        arch=platform.machine(),
        os=_os_name(),
        version=version(DISTRIBUTION),
        tools={"libmodulemd": library, "airflow": version("apache-airflow"), "koji": version("koji")},
        rpms=_installed_rpms(),
    )


def _os_name() -> str:
    """Give `Fedora Linux 42`; a system without os-release says what its kernel is."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system()
    return f"{release['NAME']} {release.get('VERSION_ID', '')}".strip()


def _installed_rpms() -> tuple[Mapping[str, object], ...]:
    """List the installed packages; keys of signers have no checksum and are none.

    A machine without an RPM database has nothing to tell.
    """
    if shutil.which("rpm") is None:
        return ()
    try:
        done = subprocess.run(
            ["rpm", "-qa", "--qf", QUERY], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return ()
    rpms = (installed_rpm(line) for line in sorted(done.stdout.splitlines()))
    return tuple(rpm for rpm in rpms if rpm["sigmd5"] is not None)


def installed_rpm(line: str) -> Mapping[str, object]:
    """Read one line of the answer to `QUERY`; what RPM does not have is None, `signature` is the id of the key."""
    values = [None if value == _NONE else value for value in line.split("\t")]
    described: dict[str, object] = {"type": "rpm", **dict(zip(_FIELDS, values, strict=False))}
    epoch, signatures = described["epoch"], filter(None, values[len(_FIELDS) :])
    signature = next((text.rpartition(_KEY_ID)[2] for text in signatures), None)
    return {**described, "epoch": None if epoch is None else int(str(epoch)), "signature": signature}
