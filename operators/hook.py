"""The Airflow connection type `koji`: a hub, its web pages and files, and who we are there.

The hub's URL stands in the host field. Everything else has a default, e.g. as an environment variable:

    AIRFLOW_CONN_KOJI_DEFAULT='{"conn_type": "koji", "host": "https://koji.example.org/kojihub",
                                "login": "mbs", "password": "...", "extra": {"authentication": "password"}}'
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from airflow.providers.common.compat.connection import get_async_connection
from airflow.sdk import BaseHook, Connection

from mbs.errors import InvalidRequest, MbsError
from mbs.koji.session import IMPATIENT, Authentication, HubAccount, HubSession

CONNECTION = "koji_default"
AUTHENTICATIONS: tuple[Authentication, ...] = ("none", "password", "kerberos", "ssl")


class KojiHook(BaseHook):
    """Opens sessions to the hub of a connection. Give each thread its own and close it: hubs count logins."""

    conn_name_attr = "koji_conn_id"
    default_conn_name = CONNECTION
    conn_type = "koji"
    hook_name = "Koji"

    def __init__(self, koji_conn_id: str = CONNECTION, **kwargs: Any) -> None:
        """Take the id of the connection."""
        super().__init__(**kwargs)
        self.koji_conn_id = koji_conn_id

    @property
    def account(self) -> HubAccount:
        """What the connection says. Raises InvalidRequest."""
        return account_of(self.get_connection(self.koji_conn_id))

    def get_conn(self) -> HubSession:
        """Give a session; it logs in at its first call."""
        return HubSession(self.account)

    def test_connection(self) -> tuple[bool, str]:
        """Log in and ask who we are (the button in the connection's form)."""
        try:
            with HubSession(self.account, delays=IMPATIENT) as hub:
                version, user = hub.call("getKojiVersion"), hub.call("getLoggedInUser")
        except MbsError as error:
            return False, str(error)
        return True, f"Koji {version}, logged in as {user['name'] if user else 'nobody: builds will be refused'}"


async def account_behind(koji_conn_id: str) -> HubAccount:
    """Give the account of a connection, from within the triggerer's event loop."""
    return account_of(await get_async_connection(koji_conn_id))


def account_of(connection: Connection) -> HubAccount:
    """Read a connection. Raises InvalidRequest where it cannot be used."""
    extra = json.loads(connection.extra or "{}")
    hub = _hub_url(connection)
    return HubAccount(
        hub_url=hub,
        web_url=_text(extra, "web_url") or _beside(hub, "koji"),
        files_url=_text(extra, "files_url") or _beside(hub, "kojifiles"),
        authentication=_authentication(connection, extra),
        user=connection.login or None,
        password=connection.password or None,
        principal=_text(extra, "principal"),
        keytab=_text(extra, "keytab"),
        certificate=_text(extra, "certificate"),
        server_ca=_text(extra, "server_ca"),
        timeout=float(extra.get("timeout") or 60),
    )


def _hub_url(connection: Connection) -> str:
    """Give the host as it stands if it is a URL; a bare host (an AIRFLOW_CONN_ URI) is completed."""
    host = connection.host or ""
    if not host:
        msg = f"Connection {connection.conn_id} has no hub; put its URL, https://.../kojihub, into the host field."
        raise InvalidRequest(msg)
    if "://" in host:
        return host.rstrip("/")
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{host}{port}/kojihub"


def _authentication(connection: Connection, extra: Mapping[str, Any]) -> Authentication:
    named = _text(extra, "authentication")
    if named is None:
        return "password" if connection.login and connection.password else "none"
    if named not in AUTHENTICATIONS:
        msg = f"Connection {connection.conn_id}: authentication {named!r} is none of {', '.join(AUTHENTICATIONS)}."
        raise InvalidRequest(msg)
    return named


def _beside(hub_url: str, name: str) -> str:
    scheme, host, path, _, _ = urlsplit(hub_url)
    return urlunsplit((scheme, host, path.rpartition("/")[0] + f"/{name}", "", ""))


def _text(extra: Mapping[str, Any], name: str) -> str | None:
    return str(extra[name]).rstrip("/") if extra.get(name) else None
