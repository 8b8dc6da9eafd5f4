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
    """Start a checksum: adler32, md5 or sha256; raise GenericError for another."""
    if kind == "adler32":
        return Adler32()
    if kind in ("md5", "sha256"):
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
    if not name or name.startswith(".") or "/" in name or "\0" in name or any(part in ("..", "/") for part in parts):
        raise koji.GenericError(f"Invalid upload filename: {name}")
    path = top.joinpath(*parts)
    if not path.resolve().is_relative_to(top.resolve()):
        raise koji.GenericError(f"destination is a symlink: {name}")
    return path


def check(settings: Settings, relative: str, name: str, verify: str | None, tail: int | None) -> dict[str, Any] | None:
    """Answer checkUpload: size and time of an uploaded file, with a checksum of it (or of its last `tail` bytes)."""
    path = inside(directory(settings, relative), "", name)
    if not path.exists():
        return None
    if not path.is_file():
        raise koji.GenericError(f"Not a regular file: {name}")
    if tail is not None and tail < 0:
        raise koji.GenericError(f"Invalid tail value: {tail!r}")
    facts = path.stat()
    answer: dict[str, Any] = {"size": facts.st_size, "mtime": facts.st_mtime}
    if verify:
        with path.open("rb") as content:
            content.seek(0 if tail is None else max(facts.st_size - tail, 0))
            digest, size = _digest(verify, iter(lambda: content.read(CHUNK), b""))
        answer.update(sumlength=size, hexdigest=digest)
    return answer


def receive(settings: Settings, user_id: int, query: dict[str, str], body: BinaryIO) -> dict[str, Any]:
    """Take one piece of an upload; the query has filename, filepath, fileverify, offset (-1: append), overwrite.

    A piece begins no later than where the file ends: a file is as large as what was sent for it.
    """
    name, offset, verify = query.get("filename", ""), int(query.get("offset", "0")), query.get("fileverify", "")
    overwrite = bool(query.get("overwrite"))
    path = inside(_own(settings, query.get("filepath", ""), user_id), "", name)
    if path.exists() and not path.is_file():
        raise koji.GenericError(f"destination not a file: {name}")
    if path.exists() and offset == 0 and not overwrite:
        raise koji.GenericError(f"upload path exists: {name}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "r+b") as target:
        _lock(target)
        end = target.seek(0, os.SEEK_END)
        offset = end if offset == -1 else offset
        if not 0 <= offset <= end:
            raise koji.GenericError(f"Incorrect upload offset for {name} - Expected at most {end}, actual {offset}")
        if overwrite:
            target.truncate(offset)
        target.seek(offset)
        digest, size = _digest(verify or "adler32", _copied(body, target, settings.max_upload - offset))
        _must_end(target, name, offset + size)
    answer: dict[str, Any] = {"size": size, "fileverify": verify, "offset": offset}
    return {**answer, "hexdigest": digest} if verify else answer


def _own(settings: Settings, relative: str, user_id: int) -> Path:
    """Make a user's directory of the upload area; raise for another user's, and for those of tasks."""
    top = directory(settings, relative)
    if top.is_relative_to(Path(settings.paths.work(), "tasks")):
        raise koji.AuthError(f"User {user_id} is not a host")
    top.mkdir(parents=True, exist_ok=True)
    owner = top / ".user"
    try:
        with owner.open("x") as mark:
            mark.write(str(user_id))
    except FileExistsError:
        if owner.read_text() not in ("", str(user_id)):  # empty: its writer is about to write
            raise koji.GenericError(f"Invalid upload directory, not owner: {relative}") from None
    return top


def _must_end(target: BinaryIO, name: str, expected: int) -> None:
    actual = target.seek(0, os.SEEK_END)
    if actual != expected:
        raise koji.GenericError(f"Incorrect upload length for {name} - Expected {expected}, actual {actual}")


def _lock(target: BinaryIO) -> None:
    try:
        fcntl.lockf(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise koji.LockError(str(error)) from error


def _copied(body: BinaryIO, target: BinaryIO, room: int) -> Iterator[bytes]:
    while piece := body.read(CHUNK):
        room -= len(piece)
        if room < 0:
            raise koji.GenericError("The file is larger than an upload may be")
        target.write(piece)
        yield piece


def _digest(kind: str, pieces: Iterator[bytes]) -> tuple[str, int]:
    digest, size = new_digest(kind), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size
