"""Who is at the other end of a connection, and who stands behind it."""

from __future__ import annotations

from fastapi import Request

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-scheme")
"""Headers that a proxy sets."""


def host_of(request: Request) -> str:
    """Give the address at the other end of the connection; empty where it has none, as a Unix socket."""
    return request.client.host if request.client else ""
