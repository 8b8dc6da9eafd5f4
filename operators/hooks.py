"""The hooks: a Koji hub and the registry behind Airflow's connections, the settings, the assets of module builds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from airflow.configuration import conf
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Asset, BaseHook, Connection

from mbs.koji import account
from mbs.koji.account import ConnectionFields
from mbs.koji.facts import KojiFacts
from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.model import naming
from mbs.model.errors import MbsError
from mbs.registry import Registry, engine_for
from mbs.settings import Settings
from mbs.settings.sources import SECTION, expanded, of_environment

KOJI = account.CONNECTION
"""The connection to the hub."""
REGISTRY = "mbs_registry"
"""The connection to the registry."""


class KojiHook(BaseHook):
    """Opens sessions to the hub of a connection. Give each thread its own and close it: hubs count logins."""

    conn_name_attr = "koji_conn_id"
    default_conn_name = KOJI
    conn_type = "koji"
    hook_name = "Koji"

    def __init__(self, koji_conn_id: str = KOJI, **kwargs: Any) -> None:
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

    def get_impatient_conn(self) -> HubSession:
        """Give a session that tries everything once, for whoever comes back by himself."""
        return HubSession(self.account, delays=IMPATIENT)

    @contextmanager
    def facts(self) -> Iterator[KojiFacts]:
        """Answer what planning asks of the hub; where that does not answer, Airflow tries the task again."""
        with self.get_impatient_conn() as hub:
            yield KojiFacts(hub)

    def test_connection(self) -> tuple[bool, str]:
        """Log in and ask who we are (the button in the connection's form)."""
        try:
            with self.get_impatient_conn() as hub:
                version, user = hub.call("getKojiVersion"), hub.call("getLoggedInUser")
        except MbsError as error:
            return False, str(error)
        return True, f"Koji {version}, logged in as {user['name'] if user else 'nobody: builds will be refused'}"


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
            # Not `extra_dejson`: each look at it sends the supervisor what to mask.
            extra=json.loads(connection.extra or "{}"),
        )
    )


def registry(conn_id: str = REGISTRY) -> Registry:
    """Give this process's registry; a forked process gets one of its own."""
    return _of_process(conn_id, os.getpid())


@lru_cache(maxsize=4)
def _of_process(conn_id: str, pid: int) -> Registry:  # noqa: ARG001 - the pid is only a part of the cache's key
    return Registry(engine_for(registry_url(conn_id)))


def registry_url(conn_id: str = REGISTRY) -> str:
    """Give the URL of the registry's database, with its password."""
    url = PostgresHook(postgres_conn_id=conn_id).sqlalchemy_url
    if url.host is not None and url.host.startswith("/"):
        url = url.set(host="").update_query_dict({"host": url.host})  # a socket's directory is no part of a URL's text
    return url.render_as_string(hide_password=False)


@cache
def settings() -> Settings:
    """Give the settings; raise InvalidSettings with every problem in them."""
    return Settings.from_mapping(settings_as_texts())


def settings_as_texts() -> dict[str, str]:
    """Give the settings as they stand in Airflow's configuration, texts as they are written.

    Airflow's own `getsection` makes numbers of texts, and breaks at the variable of a command (`..._CMD`).
    """
    of_airflow = dict(conf.items(SECTION)) if conf.has_section(SECTION) else {}
    values = {**of_airflow, **of_environment(os.environ)}
    return {name: expanded(name, value, os.path.expandvars(value)) for name, value in values.items()}


READY_MODULES = Asset(*naming.READY_MODULES)
"""All modules; an event is a module build that became ready."""


def stream_asset(name: str, stream: str) -> Asset:
    """Give the asset of one stream; an event is a build of it that became ready."""
    return Asset(*naming.stream_asset(name, stream))
