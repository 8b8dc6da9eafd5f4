"""Reading RPM files without librpm: what the hub stores of a package, and any header tag by its name.

An RPM file is a lead of 96 bytes, a signature header padded to 8 bytes, the main header, and the payload. A header is a
magic, an index of (tag, type, offset, count) and a store of values, all big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import koji

from devhub.values import Value

Header = dict[int, Any]
"""The values of one header by tag number."""

LEAD_SIZE = 96
SIGTAG_MD5 = 1004
TAGS = {
    "NAME": 1000,
    "VERSION": 1001,
    "RELEASE": 1002,
    "EPOCH": 1003,
    "SUMMARY": 1004,
    "DESCRIPTION": 1005,
    "BUILDTIME": 1006,
    "BUILDHOST": 1007,
    "SIZE": 1009,
    "DISTRIBUTION": 1010,
    "VENDOR": 1011,
    "LICENSE": 1014,
    "PACKAGER": 1015,
    "GROUP": 1016,
    "URL": 1020,
    "OS": 1021,
    "ARCH": 1022,
    "FILESIZES": 1028,
    "FILEMODES": 1030,
    "FILEDIGESTS": 1035,
    "FILEFLAGS": 1037,
    "SOURCERPM": 1044,
    "PROVIDENAME": 1047,
    "REQUIREFLAGS": 1048,
    "REQUIRENAME": 1049,
    "REQUIREVERSION": 1050,
    "CONFLICTFLAGS": 1053,
    "CONFLICTNAME": 1054,
    "CONFLICTVERSION": 1055,
    "EXCLUDEARCH": 1059,
    "EXCLUDEOS": 1060,
    "EXCLUSIVEARCH": 1061,
    "EXCLUSIVEOS": 1062,
    "CHANGELOGTIME": 1080,
    "CHANGELOGNAME": 1081,
    "CHANGELOGTEXT": 1082,
    "BUILDARCHS": 1089,
    "OBSOLETENAME": 1090,
    "SOURCEPACKAGE": 1106,
    "PROVIDEFLAGS": 1112,
    "PROVIDEVERSION": 1113,
    "OBSOLETEFLAGS": 1114,
    "OBSOLETEVERSION": 1115,
    "DIRINDEXES": 1116,
    "BASENAMES": 1117,
    "DIRNAMES": 1118,
    "OPTFLAGS": 1122,
    "DISTURL": 1123,
    "PAYLOADFORMAT": 1124,
    "PAYLOADCOMPRESSOR": 1125,
    "PLATFORM": 1132,
    "DISTTAG": 1155,
    "LONGSIZE": 5009,
    "BUGURL": 5012,
    "VCS": 5034,
    "ENCODING": 5062,
    "MODULARITYLABEL": 5096,
}
ALIASES = {
    "REQUIRES": "REQUIRENAME",
    "PROVIDES": "PROVIDENAME",
    "CONFLICTS": "CONFLICTNAME",
    "OBSOLETES": "OBSOLETENAME",
}
SCALARS = frozenset(("EPOCH", "BUILDTIME", "SIZE", "SOURCEPACKAGE", "LONGSIZE"))
"""Number tags with one value; every other number tag is an array, as are all string arrays."""

_STRUCTS = {1: "b", 2: "B", 3: "H", 4: "I", 5: "Q"}
_STRING, _BINARY, _STRINGS, _I18N = 6, 7, 8, 9
_STRING_KINDS = (_STRING, _STRINGS, _I18N)


@dataclass(frozen=True, slots=True)
class RpmFacts:
    """What the hub's tables hold of one RPM file; `arch` is `src` for a source package, `payloadhash` its sigmd5."""

    name: str
    version: str
    release: str
    epoch: int | None
    arch: str
    payloadhash: str
    size: int
    buildtime: int

    @property
    def nvr(self) -> str:
        """Name, version and release in one."""
        return f"{self.name}-{self.version}-{self.release}"


def read_facts(path: Path) -> RpmFacts:
    """Read an RPM file; raises GenericError when it is not one."""
    signature, header = _read(path)
    return RpmFacts(
        name=get(header, "NAME"),
        version=get(header, "VERSION"),
        release=get(header, "RELEASE"),
        epoch=get(header, "EPOCH"),
        arch=get(header, "ARCH") if get(header, "SOURCERPM") else "src",
        payloadhash=(signature.get(SIGTAG_MD5) or b"").hex(),
        size=path.stat().st_size,
        buildtime=get(header, "BUILDTIME") or 0,
    )


def read_header(path: Path) -> Header:
    """Read the main header of an RPM file; raises GenericError when it is not one."""
    return _read(path)[1]


def get(header: Header, name: str) -> Value:
    """Give a tag by its name (upper or lower case); None, or [] for an array, when it is absent.

    Raises GenericError for a name that is no tag, as Koji's get_header_field does.
    """
    known = ALIASES.get(name.upper(), name.upper())
    if known not in TAGS:
        raise koji.GenericError(f"No such rpm header field: {name}")
    values = header.get(TAGS[known])
    if known in SCALARS:
        return values[0] if values else None
    return values if values is not None else _absent(known)


def _absent(name: str) -> list[Any] | None:
    is_array = name.endswith(("NAME", "NAMES", "FLAGS", "VERSION", "ARCH", "ARCHS", "SIZES", "MODES", "DIGESTS"))
    return [] if is_array and name not in ("NAME", "VERSION", "ARCH", "OPTFLAGS") else None


def _read(path: Path) -> tuple[Header, Header]:
    try:
        with path.open("rb") as rpm:
            rpm.seek(LEAD_SIZE)
            signature = _parse(rpm)
            rpm.seek(-rpm.tell() % 8, 1)
            return signature, _parse(rpm)
    except (struct.error, ValueError, IndexError) as error:
        raise koji.GenericError(f"Not an RPM file: {path.name}") from error


def _parse(rpm: BinaryIO) -> Header:
    magic, count, size = struct.unpack(">4s4xII", rpm.read(16))
    if magic != b"\x8e\xad\xe8\x01":
        raise ValueError(magic)
    index = rpm.read(16 * count)
    store = rpm.read(size)
    return {tag: _value(store, kind, at, n) for tag, kind, at, n in struct.iter_unpack(">IIII", index)}


def _value(store: bytes, kind: int, at: int, count: int) -> Value:
    if kind in _STRUCTS:
        return list(struct.unpack_from(f">{count}{_STRUCTS[kind]}", store, at))
    if kind in _STRING_KINDS:
        texts = [text.decode(errors="replace") for text in store[at:].split(b"\0", count)[:count]]
        return texts if kind == _STRINGS else texts[0]
    return store[at : at + count]
