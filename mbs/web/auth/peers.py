"""Who is at the other end of a connection, and who stands behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

from fastapi import Request

from mbs.model.hosts import Address, read_address

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-scheme")
"""Headers that a proxy sets."""

Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]


def networks(texts: Iterable[str]) -> Networks:
    """Read networks and single addresses, `192.0.2.0/24` or `::1`; raise ValueError for another text."""
    return [ip_network(text) for text in texts]


def peer_of(request: Request) -> Address | None:
    """Give the address at the other end of the connection; None where it has none, as a Unix socket."""
    return read_address(request.client.host) if request.client else None


def address_of(request: Request, trusted: Networks) -> str:
    """Give the address of who asks, for the trace of what is done; empty where nothing tells it.

    It is the last one on the way to us that is none of the trusted proxies: what stands before it in `X-Forwarded-For`
    anybody may have written.
    """
    peer = peer_of(request)
    if peer is None:
        return request.client.host if request.client else ""
    for hop in forwarded_for(request) if is_in(peer, trusted) else ():
        if hop is None:
            break
        peer = hop
        if not is_in(hop, trusted):
            break
    return str(peer)


def is_in(address: Address, trusted: Networks) -> bool:
    """Tell whether an address is in one of the networks."""
    return any(address in network for network in trusted)


def forwarded_for(request: Request) -> Iterator[Address | None]:
    """Give the addresses in `X-Forwarded-For`, the last first; None for what is no address."""
    texts = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    return (read_address(_without_port(text.strip())) for text in reversed(texts) if text.strip())


def _without_port(hop: str) -> str:
    """Give the address of `192.0.2.7:80` and `[::1]:80`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, rest = hop.partition(":")
    return host if colon and ":" not in rest else hop
