"""The files tree, served read-only under /kojifiles/: files (with Range), listings of directories, links inside it.

What is in it came from strangers: from uploads, from packages, from the output of builds. A browser is told to show
texts as texts, to save everything else, and to run nothing.
"""

from __future__ import annotations

import html
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

TEXT = "text/plain; charset=utf-8"
_TYPES = {".rpm": "application/x-rpm", ".gz": "application/gzip", ".xml": "text/xml; charset=utf-8"}
_TEXTS = (".cfg", ".conf", ".json", ".log", ".md", ".patch", ".spec", ".txt", ".yaml", ".yml")
_STYLE = ":root { color-scheme: light dark; } body { margin: 1.5rem; font: 15px/1.6 system-ui, sans-serif; }"
_HARMLESS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; `file` is sent from where it stands, as many bytes as Content-Length says."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...]
    body: Iterable[bytes] = ()
    file: BinaryIO | None = None


def serve(top: Path, path: str, byte_range: str | None = None) -> Response:
    """Answer a GET for a path below the tree; whatever is not there, or leads out of it, is 404."""
    try:
        target = _find(top, path)
        if target.is_dir():
            return _listing(target, path) if path.endswith("/") or not path else _redirect(path)
        return _file(target, byte_range)
    except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links, a byte that no name has, a race
        return text(HTTPStatus.NOT_FOUND, "There is no such file.")


def text(status: HTTPStatus, body: str, kind: str = TEXT, *headers: tuple[str, str]) -> Response:
    """Give an answer with a text of ours; a line of it ends with a newline."""
    encoded = f"{body.rstrip()}\n".encode(errors="replace")
    return Response(status, (("Content-Type", kind), ("Content-Length", str(len(encoded))), *headers), [encoded])


def _find(top: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    target = top.joinpath(*(part for part in parts if part != "/"))
    if ".." in parts or not target.resolve(strict=True).is_relative_to(top.resolve()):
        raise FileNotFoundError(path)
    return target


def _redirect(path: str) -> Response:
    location = quote(f"/kojifiles/{path}/".encode(errors="surrogateescape"))
    return Response(HTTPStatus.MOVED_PERMANENTLY, (("Location", location), ("Content-Length", "0")))


def _listing(target: Path, path: str) -> Response:
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in os.scandir(target))
    links = "".join(
        f'<li><a href="{quote(os.fsencode(name))}">{html.escape(name)}</a></li>\n' for name in ["../", *names]
    )
    title = html.escape(f"Index of /kojifiles/{path}")
    head = f"<!DOCTYPE html>\n<html><head><title>{title}</title>\n<style>{_STYLE}</style></head>"
    page = f'{head}\n<body><a href="/koji/">devhub</a><h1>{title}</h1>\n<ul>\n{links}</ul></body></html>\n'
    return text(HTTPStatus.OK, page, "text/html; charset=utf-8", *_HARMLESS)


def _file(target: Path, byte_range: str | None) -> Response:
    # A pipe would be waited for, and a device read without end.
    content = os.fdopen(os.open(target, os.O_RDONLY | os.O_NONBLOCK), "rb")
    facts = os.fstat(content.fileno())
    if not stat.S_ISREG(facts.st_mode):
        content.close()
        raise FileNotFoundError(target)
    headers = (
        ("Content-Type", TEXT if target.suffix in _TEXTS else _TYPES.get(target.suffix, "application/octet-stream")),
        ("Last-Modified", formatdate(facts.st_mtime, usegmt=True)),
        ("Accept-Ranges", "bytes"),
        *_HARMLESS,
    )
    span = _span(byte_range, facts.st_size)
    if span is None:
        return Response(HTTPStatus.OK, (*headers, ("Content-Length", str(facts.st_size))), file=content)
    first, last = span
    if first > last:
        content.close()
        unmet = (("Content-Range", f"bytes */{facts.st_size}"), ("Content-Length", "0"))
        return Response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, unmet)
    content.seek(first)
    extra = (("Content-Range", f"bytes {first}-{last}/{facts.st_size}"), ("Content-Length", str(last - first + 1)))
    return Response(HTTPStatus.PARTIAL_CONTENT, (*headers, *extra), file=content)


def _span(byte_range: str | None, size: int) -> tuple[int, int] | None:
    """Give first and last byte of a single range, None for the whole file; an impossible one has first > last."""
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", byte_range or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else (1, 0)
    return int(first), min(int(last), size - 1) if last else size - 1
