"""The body of a request, read as MBS reads it: JSON whatever the Content-Type says, or a form with a file."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, NoReturn

import anyio
from fastapi import Depends, Request
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from mbs.model.errors import InvalidRequest, TooLarge, TooSlow
from mbs.web.services import services_of

SECONDS = 60.0
"""In which a body has to come."""

BESIDE = 1024 * 1024
"""Bytes that a body may have beside its document."""

ESCAPED = 2
"""Bytes that JSON takes for one of a document, at most, unless somebody wants it to take more."""

FIELDS = 50
"""Of a form, at most."""

INVALID = "Invalid JSON submitted"
FILE = "yaml"
"""The part of a form that is a document."""


async def read_body(request: Request) -> Mapping[str, Any]:
    """Give the fields of a request. Raises InvalidRequest, TooLarge, TooSlow.

    A form's values are all texts; the name of its file, without directory and extension, names the module (MBS).
    """
    limit = ESCAPED * services_of(request).settings.max_modulemd_size + BESIDE
    try:
        with anyio.fail_after(SECONDS):
            if "multipart/form-data" in request.headers.get("content-type", ""):
                fields = await _form(request.headers, _limited(request, limit), limit)
            else:
                fields = _json(b"".join([chunk async for chunk in _limited(request, limit)]))
    except TimeoutError:
        raise TooSlow(f"The request did not come within {SECONDS:.0f} seconds.") from None
    if not _is_text(fields):
        raise InvalidRequest(INVALID)
    return fields


Body = Annotated[Mapping[str, Any], Depends(read_body)]


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """Give what comes, up to the limit, whatever the Content-Length says."""
    come = 0
    async for chunk in request.stream():
        come += len(chunk)
        if come > limit:
            raise TooLarge(f"The request is larger than {limit} bytes.")
        yield chunk


def _json(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InvalidRequest(INVALID) from None
    if not isinstance(fields, dict):
        raise InvalidRequest(INVALID)
    return fields


def _no_number(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which are no JSON."""
    raise ValueError(name)


async def _form(headers: Headers, stream: AsyncGenerator[bytes, None], limit: int) -> dict[str, Any]:
    parser = MultiPartParser(headers, stream, max_files=1, max_fields=FIELDS, max_part_size=limit)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise InvalidRequest(INVALID) from None
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name == FILE:
                fields["modulemd"] = await value.read()
                fields.setdefault("module_name", PurePosixPath(value.filename or "").stem or None)
            await value.close()
        else:
            fields[name] = value
    return fields


def _is_text(value: object) -> bool:
    """Tell whether all texts in a value are ones that can be stored: without NUL, and of whole characters."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Mapping):
        return all(_is_text(key) and _is_text(each) for key, each in value.items())
    return all(map(_is_text, value)) if isinstance(value, list) else True
