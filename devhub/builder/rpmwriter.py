"""Write small RPM files without rpmbuild: real headers and digests around an empty payload.

The layout is RPM's file format, version 3 of the package file: a lead, a signature header padded to eight bytes, the
header and a compressed cpio archive. `rpm -K`, createrepo_c and Koji's reader take the files as what they are:
packages without files.
"""

import gzip
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devhub.builder.package import Requirement

_MAGIC: Final = b"\x8e\xad\xe8\x01\0\0\0\0"
_INT32, _STRING, _BINARY, _STRINGS, _I18N = 4, 6, 7, 8, 9
_HEADER_SIGNATURES, _HEADER_IMMUTABLE = 62, 63
_TRAILER = b"070701" + b"0" * 88 + b"0000000B" + b"00000000" + b"TRAILER!!!\0" + b"\0" * 3

_Value = int | str | bytes | Sequence[int] | Sequence[str]


@dataclass(frozen=True, slots=True)
class NewRpm:
    """What the header of a written RPM says; times are seconds since the epoch."""

    name: str
    version: str
    release: str
    arch: str
    summary: str
    license: str
    source_rpm: str
    build_time: int
    epoch: int | None = None
    provides: tuple[Requirement, ...] = ()
    requires: tuple[Requirement, ...] = ()
    conflicts: tuple[Requirement, ...] = ()
    modularity_label: str | None = None

    @property
    def filename(self) -> str:
        """The name that RPM gives to the file."""
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"


def write_rpm(rpm: NewRpm, directory: Path) -> Path:
    """Write an RPM file into a directory and answer its path."""
    archive = _TRAILER
    payload = gzip.compress(archive, mtime=0)
    header = _header(_tags(rpm), _HEADER_IMMUTABLE)
    signature = _signature(header, payload, len(archive))
    path = directory / rpm.filename
    path.write_bytes(_lead(rpm) + signature + b"\0" * (-len(signature) % 8) + header + payload)
    return path


def _lead(rpm: NewRpm) -> bytes:
    name = f"{rpm.name}-{rpm.version}-{rpm.release}".encode()[:65]
    return struct.pack(">4sBBhh66shh16x", b"\xed\xab\xee\xdb", 3, 0, 0, 1, name, 1, 5)


def _signature(header: bytes, payload: bytes, archive_size: int) -> bytes:
    """Digests over header and payload; 1004 (MD5) is what Koji calls the payload hash."""
    return _header(
        [
            (269, _STRING, hashlib.sha1(header, usedforsecurity=False).hexdigest()),
            (273, _STRING, hashlib.sha256(header).hexdigest()),
            (1000, _INT32, len(header) + len(payload)),
            (1004, _BINARY, hashlib.md5(header + payload, usedforsecurity=False).digest()),
            (1007, _INT32, archive_size),
        ],
        _HEADER_SIGNATURES,
    )


def _tags(rpm: NewRpm) -> list[tuple[int, int, _Value]]:
    own = Requirement(rpm.name, 8, f"{f'{rpm.epoch}:' if rpm.epoch is not None else ''}{rpm.version}-{rpm.release}")
    optional: list[tuple[int, int, _Value]] = [
        *([(1003, _INT32, rpm.epoch)] if rpm.epoch is not None else []),
        *([(5096, _STRING, rpm.modularity_label)] if rpm.modularity_label else []),
    ]
    tags: list[tuple[int, int, _Value]] = [
        (100, _STRINGS, ["C"]),
        (1000, _STRING, rpm.name),
        (1001, _STRING, rpm.version),
        (1002, _STRING, rpm.release),
        (1004, _I18N, rpm.summary),
        (1005, _I18N, rpm.summary),
        (1006, _INT32, rpm.build_time),
        (1007, _STRING, "devhub"),
        (1009, _INT32, 0),
        (1011, _STRING, "Koji"),
        (1014, _STRING, rpm.license),
        (1016, _I18N, "Unspecified"),
        (1021, _STRING, "linux"),
        (1022, _STRING, rpm.arch),
        (1044, _STRING, rpm.source_rpm),
        (1124, _STRING, "cpio"),
        (1125, _STRING, "gzip"),
        (1126, _STRING, "9"),
        *optional,
        *_dependencies((1047, 1112, 1113), (own, *rpm.provides)),
        *_dependencies((1049, 1048, 1050), rpm.requires),
        *_dependencies((1054, 1053, 1055), rpm.conflicts),
    ]
    return sorted(tags, key=lambda tag: tag[0])


def _dependencies(tags: tuple[int, int, int], entries: Sequence[Requirement]) -> list[tuple[int, int, _Value]]:
    """Three parallel arrays (names, flags, versions), or nothing."""
    if not entries:
        return []
    unique = list(dict.fromkeys(entries))
    names, flags, versions = tags
    return [
        (names, _STRINGS, [entry.name for entry in unique]),
        (flags, _INT32, [entry.flags for entry in unique]),
        (versions, _STRINGS, [entry.version for entry in unique]),
    ]


def _header(tags: Sequence[tuple[int, int, _Value]], region: int) -> bytes:
    """One header: an index of sixteen-byte entries and a store, framed by the region entry and its trailer."""
    index, store = b"", b""
    for tag, kind, value in tags:
        data, count = _encode(kind, value)
        store += b"\0" * (-len(store) % _alignment(kind))
        index += struct.pack(">iiii", tag, kind, len(store), count)
        store += data
    entries = len(tags) + 1
    first = struct.pack(">iiii", region, _BINARY, len(store), 16)
    store += struct.pack(">iiii", region, _BINARY, -16 * entries, 16)
    return _MAGIC + struct.pack(">ii", entries, len(store)) + first + index + store


def _encode(kind: int, value: _Value) -> tuple[bytes, int]:
    """The bytes of a value and the number of its elements."""
    if isinstance(value, bytes):
        return value, len(value)
    if isinstance(value, str):
        return value.encode() + b"\0", 1
    if isinstance(value, int):
        return struct.pack(">I", value), 1
    if kind == _INT32:
        return struct.pack(f">{len(value)}I", *value), len(value)
    return b"".join(str(text).encode() + b"\0" for text in value), len(value)


def _alignment(kind: int) -> int:
    return 4 if kind == _INT32 else 1
