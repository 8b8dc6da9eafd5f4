"""The files tree, served read-only under /kojifiles/: files (with Range), listings of directories, links inside it."""

from __future__ import annotations

import html
import mimetypes
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...]
    body: Iterable[bytes] = ()


def serve(top: Path, path: str, byte_range: str | None = None) -> Response:
    """Answer a GET for a path below the tree; whatever is not there, or leads out of it, is 404."""
    target = _find(top, path)
    if target is None:
        return _text(HTTPStatus.NOT_FOUND, "Not Found")
    if target.is_dir():
        if not path.endswith("/") and path:
            return Response(
                HTTPStatus.MOVED_PERMANENTLY, (("Location", quote(f"/kojifiles/{path}/")), ("Content-Length", "0"))
            )
        return _listing(target, path)
    return _file(target, byte_range)


def _find(top: Path, path: str) -> Path | None:
    parts = PurePosixPath(path).parts
    if "\0" in path or ".." in parts:
        return None
    target = top.joinpath(*(part for part in parts if part != "/"))
    if not target.exists() or not target.resolve().is_relative_to(top.resolve()):
        return None
    return target


def _listing(target: Path, path: str) -> Response:
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in os.scandir(target))
    links = "".join(f'<li><a href="{quote(name)}">{html.escape(name)}</a></li>\n' for name in ["../", *names])
    title = html.escape(f"Index of /kojifiles/{path}")
    head = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    page = f"{head}\n<body><h1>{title}</h1>\n<ul>\n{links}</ul></body></html>\n"
    return _text(HTTPStatus.OK, page, "text/html; charset=utf-8")


def _file(target: Path, byte_range: str | None) -> Response:
    content = target.open("rb")
    facts = os.fstat(content.fileno())
    kind = "text/plain; charset=utf-8" if target.suffix in (".log", ".txt") else mimetypes.guess_type(target.name)[0]
    headers = (
        ("Content-Type", kind or "application/octet-stream"),
        ("Last-Modified", formatdate(facts.st_mtime, usegmt=True)),
        ("Accept-Ranges", "bytes"),
    )
    span = _span(byte_range, facts.st_size)
    if span is None:
        length = ("Content-Length", str(facts.st_size))
        return Response(HTTPStatus.OK, (*headers, length), _pieces(content, 0, facts.st_size))
    first, last = span
    if first > last:
        content.close()
        return Response(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            (("Content-Range", f"bytes */{facts.st_size}"), ("Content-Length", "0")),
        )
    extra = (("Content-Range", f"bytes {first}-{last}/{facts.st_size}"), ("Content-Length", str(last - first + 1)))
    return Response(HTTPStatus.PARTIAL_CONTENT, (*headers, *extra), _pieces(content, first, last - first + 1))


def _span(byte_range: str | None, size: int) -> tuple[int, int] | None:
    """Give first and last byte of a single range, None for the whole file; an impossible one has first > last."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", byte_range or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else (1, 0)
    return int(first), min(int(last), size - 1) if last else size - 1


def _pieces(content: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    with content:
        content.seek(start)
        while size > 0 and (piece := content.read(min(CHUNK, size))):
            size -= len(piece)
            yield piece


def _text(status: HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> Response:
    body = text.encode()
    return Response(status, (("Content-Type", kind), ("Content-Length", str(len(body)))), [body])
