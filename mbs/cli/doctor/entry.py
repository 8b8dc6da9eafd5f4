"""Who may come in over the REST API, and whether what tells it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from mbs.cli.doctor.finding import Finding, right, unseen, wrong
from mbs.model.errors import Infrastructure
from mbs.model.hosts import is_loopback, is_public
from mbs.settings import InvalidSettings, Settings
from mbs.settings.secrets import with_secrets

MANY = 1024
"""Addresses in a network of front servers that are more than one can mean."""
NOBODY = "mbs-doctor"
"""A user whose groups are asked for: it is enough that there is an answer."""


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What was seen."""

    host: str
    """Where Airflow's API server listens."""
    url: str = ""
    """Where people find it."""
    unprinted: Sequence[str] = ()
    """Secrets that their commands do not print here."""
    silent: Sequence[str] = ()
    """What does not answer, as sentences."""
    answering: Sequence[str] = ()


def look(settings: Settings, host: str, url: str) -> EntryFacts:
    """Ask the provider and the LDAP server that the settings name."""
    unprinted: tuple[str, ...] = ()
    try:
        settings = with_secrets(settings)
    except InvalidSettings as invalid:
        unprinted = tuple(str(problem.where) for problem in invalid.problems)
    silent: list[str] = []
    answering: list[str] = []
    for name, ask in _questions(settings):
        try:
            ask()
            answering.append(name)
        except Infrastructure as away:
            silent.append(str(away))
    return EntryFacts(host, url, unprinted, silent, answering)


def judge(facts: EntryFacts, settings: Settings) -> Iterator[Finding]:
    """Say what keeps those out who should come in, and lets in who should not."""
    found = [*_without_login(facts, settings), *_front_server(settings), *_groups(settings)]
    found += [wrong(what, "the settings oidc_issuer and ldap_uri name another") for what in facts.silent]
    found += [unseen(f"{name} prints nothing here", "mbs doctor on the API server") for name in facts.unprinted]
    yield from found
    yield from (right(f"{name} answers") for name in facts.answering)
    if not found:
        ways = ", ".join(settings.auth) or "nobody"
        yield right(f"who comes in over the REST API is known by: {ways}")


def _questions(settings: Settings) -> Iterator[tuple[str, Callable[[], object]]]:
    # No other command needs what they are asked with.
    if "oidc" in settings.auth:
        from mbs.web.auth.oidc import provider_of  # noqa: PLC0415

        yield f"the OpenID provider {settings.oidc_issuer}", provider_of(settings).look
    if "proxy" in settings.auth and settings.ldap_uri:
        from mbs.web.auth.groups import Directory  # noqa: PLC0415

        yield f"the LDAP server {settings.ldap_uri}", lambda: Directory(settings)(NOBODY)


def _without_login(facts: EntryFacts, settings: Settings) -> Iterator[Finding]:
    if not settings.auth:
        yield wrong("nobody can log in to the REST API: auth is empty", "auth = airflow")
    if "no_auth" in settings.auth and not is_loopback(facts.host):
        what = f"auth has no_auth, for a laptop, and Airflow's API server listens on {facts.host}"
        yield wrong(what, "another auth, or AIRFLOW__API__HOST=127.0.0.1")
    elif "no_auth" in settings.auth and is_public(facts.url):
        yield wrong(f"auth has no_auth, for a laptop, and people find the service at {facts.url}", "another auth")


def _front_server(settings: Settings) -> Iterator[Finding]:
    networks = [ip_network(text) for text in settings.trusted_proxies]
    for network in networks:
        if network.num_addresses > MANY:
            what = f"trusted_proxies has {network}, whose {network.num_addresses} addresses all count as front servers"
            yield wrong(what, "trusted_proxies = the addresses of the front servers")
    secret = settings.proxy_secret or settings.proxy_secret_cmd
    if "proxy" in settings.auth and not secret and any(network.is_loopback for network in networks):
        what = (
            "whoever has an account on this machine could be anybody: trusted_proxies has it, and proxy_secret is empty"
        )
        yield wrong(what, "proxy_secret_cmd, and the same in the front server")


def _groups(settings: Settings) -> Iterator[Finding]:
    alone = set(settings.auth) == {"proxy"} and not settings.ldap_uri
    if alone and settings.allowed_groups and not settings.allowed_users:
        groups = ", ".join(settings.allowed_groups)
        yield wrong(f"nobody is in {groups}: a front server tells no groups", "ldap_uri and ldap_groups_dn")
    if "oidc" in settings.auth and not (settings.oidc_client_secret or settings.oidc_client_secret_cmd):
        yield unseen("tokens that are no JWT are refused: oidc_client_secret is empty")
