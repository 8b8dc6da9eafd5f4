"""What contradicts itself in the settings about who may come in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mbs.model.errors import Problem
from mbs.model.hosts import is_safe

if TYPE_CHECKING:
    from mbs.settings import Settings

WAYS = ("airflow", "oidc", "proxy", "no_auth")


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Say what is missing for the ways that `auth` names, and what cannot be read."""
    if unknown := [name for name in settings.auth if name not in WAYS]:
        yield Problem(f"{unknown[0]} is none of {', '.join(WAYS)}", "auth")
    for text in settings.trusted_proxies:
        if not _is_network(text):
            yield Problem(f"{text!r} is no network, as 192.0.2.0/24, and no address", "trusted_proxies")
    if "no_auth" in settings.auth and settings.trusted_proxies:
        yield Problem("no_auth is for whoever sits at this machine, and trusted_proxies names front servers", "auth")
    if "oidc" in settings.auth:
        yield from _oidc(settings)
    if "proxy" in settings.auth:
        yield from _proxy(settings)
    yield from _ldap(settings)


def _oidc(settings: Settings) -> Iterator[Problem]:
    if not is_safe(settings.oidc_issuer):
        yield Problem("must be the https:// URL of a provider where auth has oidc", "oidc_issuer")
    if not settings.oidc_audience and not settings.oidc_client_id:
        yield Problem("must say whom tokens are made for, or oidc_client_id must", "oidc_audience")
    if (settings.oidc_client_secret or settings.oidc_client_secret_cmd) and not settings.oidc_client_id:
        yield Problem("must be there with oidc_client_secret", "oidc_client_id")


def _proxy(settings: Settings) -> Iterator[Problem]:
    for name, what in (
        ("trusted_proxies", "the front servers"),
        ("proxy_realms", "the Kerberos realms of our users"),
        ("proxy_user_header", "the header with the user"),
    ):
        if not getattr(settings, name):
            yield Problem(f"must name {what} where auth has proxy", name)


def _ldap(settings: Settings) -> Iterator[Problem]:
    if not settings.ldap_uri:
        return
    if urlsplit(settings.ldap_uri).scheme not in {"ldap", "ldaps"}:
        yield Problem("must begin with ldaps:// or ldap://", "ldap_uri")
    if not settings.ldap_groups_dn:
        yield Problem("must say where the groups are", "ldap_groups_dn")


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
