"""Unpack the payload of an RPM file into a directory, and nowhere else."""

import gzip
import io
import lzma
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import IO

import koji

_HEADER = 110  # bytes of a "newc" cpio header: 6 of magic and 13 fields of 8 hexadecimal digits
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a payload; hard links share an inode and only the last of them carries the content."""

    path: str
    mode: int
    inode: int
    content: bytes


def unpack(rpm: Path, into: Path) -> list[str]:
    """Unpack files, directories and symbolic links of an RPM into a directory; answers the paths of the files.

    Ownership, devices and special bits are dropped: this is a view for a compiler, not an installation. A path that
    would leave the directory, also through a symbolic link, raises `koji.BuildError`.
    """
    root = into.resolve()
    links: dict[int, list[Path]] = {}
    unpacked = []
    for entry in read_entries(rpm):
        target = _inside(root, entry.path)
        if S_ISDIR(entry.mode):
            target.mkdir(parents=True, exist_ok=True)
        elif S_ISLNK(entry.mode):
            _place(target).symlink_to(_relative_link(root, target, entry.content.decode(errors="surrogateescape")))
        elif S_ISREG(entry.mode):
            _place(target).write_bytes(entry.content)
            target.chmod((entry.mode & 0o777) | 0o600)
            _fill_links(links.setdefault(entry.inode, []), target, entry.content)
        unpacked.append(entry.path)
    return unpacked


def read_entries(rpm: Path) -> Iterator[Entry]:
    """The entries of an RPM's payload, in their order."""
    stream = io.BytesIO(_payload(rpm))
    while True:
        header = stream.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(b"0707"):
            raise koji.BuildError(f"{rpm.name} has a damaged payload")
        fields = [int(header[at : at + 8], 16) for at in range(6, _HEADER, 8)]
        inode, mode, size, name_size = fields[0], fields[1], fields[6], fields[11]
        path = _read_padded(stream, name_size, already=_HEADER).rstrip(b"\0").decode(errors="surrogateescape")
        if path == _TRAILER:
            return
        yield Entry(path.removeprefix("."), mode, inode, _read_padded(stream, size))


def _payload(rpm: Path) -> bytes:
    """The uncompressed cpio archive; what Python cannot uncompress itself is left to rpm2cpio."""
    with rpm.open("rb") as file:
        start, size = koji.find_rpm_sighdr(str(rpm))
        header = start + size
        file.seek(header + koji.rpm_hdr_size(str(rpm), header))
        packed = file.read()
    if packed.startswith(b"\x1f\x8b"):
        return gzip.decompress(packed)
    if packed.startswith(b"\xfd7zXZ"):
        return lzma.decompress(packed)
    return subprocess.run(["rpm2cpio", str(rpm)], check=True, capture_output=True, timeout=300).stdout


def _read_padded(stream: IO[bytes], size: int, already: int = 0) -> bytes:
    """Read `size` bytes and the padding to a multiple of four that follows them."""
    data = stream.read(size)
    stream.read(-(already + size) % 4)
    return data


def _inside(root: Path, path: str) -> Path:
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    target = root.joinpath(*parts)
    if ".." in parts or not target.parent.resolve().is_relative_to(root):
        raise koji.BuildError(f"an RPM holds a path that leaves its root: {path}")
    return target


def _place(target: Path) -> Path:
    """Make room for a file: the directories above it exist and nothing is in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        target.unlink()
    return target


def _relative_link(root: Path, link: Path, target: str) -> str:
    """An absolute link means a path in the root, not one of the host."""
    if not target.startswith("/"):
        return target
    up = "../" * len(link.parent.relative_to(root).parts)
    return f"{up}{target.lstrip('/')}"


def _fill_links(linked: list[Path], target: Path, content: bytes) -> None:
    linked.append(target)
    if content:
        for earlier in linked[:-1]:
            earlier.write_bytes(content)
