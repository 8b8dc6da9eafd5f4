"""The Airflow connection type `koji`: a hub, its web pages and files, and who we are there (`mbs.koji.account`)."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.sdk import BaseHook, Connection

from mbs.errors import MbsError
from mbs.koji import account
from mbs.koji.account import CONNECTION, ConnectionFields
from mbs.koji.session import IMPATIENT, HubAccount, HubSession

__all__ = ["CONNECTION", "KojiHook", "account_behind", "account_of"]


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
    return account.account_of(
        ConnectionFields(
            conn_id=connection.conn_id,
            host=connection.host,
            login=connection.login,
            password=connection.password,
            schema=connection.schema,
            port=connection.port,
            extra=json.loads(connection.extra or "{}"),
        )
    )
