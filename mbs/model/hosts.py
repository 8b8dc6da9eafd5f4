"""Hosts and addresses as texts: which is this machine, and what may be sent there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = IPv4Address | IPv6Address


def is_safe(url: str) -> bool:
    """Tell whether what is sent to a URL cannot be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without asking a name server."""
    address = read_address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def is_public(url: str) -> bool:
    """Tell whether people find a service elsewhere than on their own machine; a front server may not say so."""
    host = urlsplit(url).hostname
    return host is not None and not is_loopback(host)


def read_address(text: str) -> Address | None:
    """Read an address, an IPv4 one also where it is written as IPv6; None for another text."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
