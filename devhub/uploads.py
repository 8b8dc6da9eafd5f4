"""The upload area: what clients put under `work/`, piece by piece, and nothing outside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

import koji

from devhub.settings import Settings

CHUNK = 1 << 20


class Digest(Protocol):
    """A running checksum."""

    def update(self, data: bytes, /) -> None:
        """Take more data."""

    def hexdigest(self) -> str:
        """Give the checksum so far."""


class Adler32:
    """Adler-32 as a running checksum."""

    def __init__(self) -> None:
        self._value = 1

    def update(self, data: bytes, /) -> None:
        """Take more data."""
        self._value = zlib.adler32(data, self._value)

    def hexdigest(self) -> str:
        """Give the checksum so far, in eight digits."""
        return f"{self._value & 0xFFFFFFFF:08x}"


def new_digest(kind: str) -> Digest:
    """Start a checksum: adler32, md5, sha1, sha256 or sha512; raise GenericError for another."""
    if kind == "adler32":
        return Adler32()
    if kind in ("md5", "sha1", "sha256", "sha512"):
        return hashlib.new(kind, usedforsecurity=False)
    raise koji.GenericError(f"Unsupported verify type: {kind}")


def directory(settings: Settings, relative: str) -> Path:
    """Give a directory of the upload area; raise GenericError for a path that leaves it."""
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative:
        raise koji.GenericError(f"Invalid upload directory: {relative}")
    return Path(settings.paths.work()).joinpath(*parts)


def inside(top: Path, relative: str, name: str) -> Path:
    """Give a file below a directory; raise GenericError for a name that leaves it, or a symlink on the way."""
    parts = (*PurePosixPath(relative).parts, name)
    if not name or "/" in name or "\0" in name or any(part in ("..", "/") for part in parts) or name == ".":
        raise koji.GenericError(f"Invalid upload name: {name}")
    path = top.joinpath(*parts)
    if not path.resolve().is_relative_to(top.resolve()):
        raise koji.GenericError(f"destination is a symlink: {name}")
    return path


def check(settings: Settings, relative: str, name: str, verify: str | None, tail: int | None) -> dict[str, Any] | None:
    """Answer checkUpload: size and time of an uploaded file, with a checksum of it (or of its last `tail` bytes)."""
    path = inside(directory(settings, relative), "", name)
    if not path.is_file():
        return None
    facts = path.stat()
    answer: dict[str, Any] = {"size": facts.st_size, "mtime": facts.st_mtime}
    if verify:
        with path.open("rb") as content:
            content.seek(max(facts.st_size - tail, 0) if tail else 0)
            digest, _ = _digest(verify, iter(lambda: content.read(CHUNK), b""))
        answer.update(sumtype=verify, hexdigest=digest)
    return answer


def receive(settings: Settings, query: dict[str, str], body: BinaryIO) -> dict[str, Any]:
    """Take one piece of an upload; the query has filename, filepath, fileverify, offset (-1: append), overwrite."""
    name, offset, verify = query.get("filename", ""), int(query.get("offset", "0")), query.get("fileverify", "")
    top = directory(settings, query.get("filepath", ""))
    path = inside(top, "", name)
    top.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise koji.GenericError(f"destination not a file: {name}")
    if path.exists() and offset == 0 and not query.get("overwrite"):
        raise koji.GenericError(f"upload path exists: {name}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "r+b") as target:
        _lock(target)
        offset = target.seek(0, 2) if offset == -1 else offset
        if query.get("overwrite"):
            target.truncate(offset)
        target.seek(offset)
        digest, size = _digest(verify or "adler32", _copied(body, target))
    answer: dict[str, Any] = {"size": size, "fileverify": verify, "offset": offset}
    return {**answer, "hexdigest": digest} if verify else answer


def _lock(target: BinaryIO) -> None:
    try:
        fcntl.lockf(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise koji.LockError(str(error)) from error


def _copied(body: BinaryIO, target: BinaryIO) -> Iterator[bytes]:
    while piece := body.read(CHUNK):
        target.write(piece)
        yield piece


def _digest(kind: str, pieces: Iterator[bytes]) -> tuple[str, int]:
    digest, size = new_digest(kind), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size
