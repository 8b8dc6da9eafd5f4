"""Which groups a user is in, as an LDAP server tells it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from mbs.model.errors import Infrastructure
from mbs.model.hosts import is_loopback
from mbs.model.users import is_name
from mbs.settings import Settings
from mbs.web.auth.remembered import Remembered

TIMEOUT = 10
"""Seconds until there is a connection, and for each answer."""
KEPT = 60.0
"""Seconds for which an answer counts; who leaves a group may that much longer."""
MOST = 10_000
"""Groups of one user."""


class DirectoryUnavailable(Infrastructure):
    """The LDAP server does not answer, or not to us."""


class Directory:
    """Asks an LDAP server, once a minute for each user. Threads may share it: each question is a connection."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Take what the settings say of it."""
        self._settings = settings
        self._clock = clock
        self._answers: Remembered[str, frozenset[str]] = Remembered(clock)

    def __call__(self, user: str) -> frozenset[str]:
        """Give the groups of a user."""
        known = self._answers.get(user)
        if known is not None:
            return known
        groups = self._ask(user)
        self._answers.keep(user, groups, self._clock() + KEPT)
        return groups

    def _ask(self, user: str) -> frozenset[str]:
        if not is_name(user):  # servers differ in what they make of characters that nobody sees
            return frozenset()
        try:
            with self._connect() as connection:
                return _search(connection, self._settings.ldap_groups_dn, user)
        except (LDAPException, OSError) as error:
            host = urlsplit(self._settings.ldap_uri).netloc
            msg = f"The LDAP server {host} does not tell any groups ({type(error).__name__})."
            raise DirectoryUnavailable(msg) from None

    def _connect(self) -> ldap3.Connection:
        """Connect over TLS, but on this machine, and log in."""
        settings = self._settings
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=settings.ldap_ca_file or None)
        server = ldap3.Server(settings.ldap_uri, tls=tls, connect_timeout=TIMEOUT, get_info=ldap3.NONE)
        return ldap3.Connection(
            server,
            user=settings.ldap_user or None,
            password=settings.ldap_password or None,
            auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND if needs_start_tls(settings.ldap_uri) else ldap3.AUTO_BIND_NO_TLS,
            receive_timeout=TIMEOUT,
            read_only=True,
            auto_referrals=False,
            raise_exceptions=True,
        )


def needs_start_tls(uri: str) -> bool:
    """Tell whether TLS has to be asked for: it is there from the first byte of ldaps, and nobody listens at home."""
    parts = urlsplit(uri)
    return parts.scheme == "ldap" and not is_loopback(parts.hostname or "")


def _search(connection: ldap3.Connection, base: str, user: str) -> frozenset[str]:
    """Look for groups as MBS does: entries that have the user as memberUid, each called by its cn."""
    connection.search(
        base, f"(memberUid={escape_filter_chars(user)})", attributes=["cn"], size_limit=MOST, time_limit=TIMEOUT
    )
    return frozenset(str(name) for entry in connection.entries for name in entry.cn.values)
