"""Who we are at which hub, as an Airflow connection of the type `koji` says it: the one form in which that is written.

The hub's URL is in the host field. Everything else has a default, e.g. as an environment variable:

    AIRFLOW_CONN_KOJI_DEFAULT='{"conn_type": "koji", "host": "https://koji.example.org/kojihub",
                                "login": "mbs", "password": "...", "extra": {"authentication": "password"}}'
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from mbs.koji.session import Authentication, HubAccount
from mbs.model.errors import InvalidRequest

CONNECTION = "koji_default"
VARIABLE = f"AIRFLOW_CONN_{CONNECTION.upper()}"
AUTHENTICATIONS: tuple[Authentication, ...] = get_args(Authentication)


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """The fields of a connection."""

    conn_id: str = CONNECTION
    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_mapping(cls, values: Mapping[str, Any], conn_id: str = CONNECTION) -> ConnectionFields:
        """Read the JSON form; unknown keys are none of ours, and `extra` may be JSON in a text."""
        extra = values.get("extra") or {}
        known = {name: values.get(name) or None for name in ("host", "login", "password", "schema", "port")}
        return cls(conn_id=conn_id, **known, extra=json.loads(extra) if isinstance(extra, str) else extra)

    @classmethod
    def of_variable(cls, text: str, conn_id: str = CONNECTION) -> ConnectionFields:
        """Read an `AIRFLOW_CONN_` variable, JSON or a URI. Raises InvalidRequest for what is neither."""
        try:
            return (
                cls.of_mapping(json.loads(text), conn_id) if text.lstrip().startswith("{") else _of_uri(text, conn_id)
            )
        except (ValueError, TypeError, AttributeError) as error:
            msg = f"The variable {VARIABLE} is neither a connection in JSON nor a URI: {error}"
            raise InvalidRequest(msg) from None


def account_of(connection: ConnectionFields) -> HubAccount:
    """Give the account that a connection describes. Raises InvalidRequest where it cannot be used."""
    extra, hub = connection.extra, _hub_url(connection)
    return HubAccount(
        hub_url=hub,
        web_url=_text(extra, "web_url") or _beside(hub, "koji"),
        files_url=_text(extra, "files_url") or _beside(hub, "kojifiles"),
        authentication=_authentication(connection),
        user=connection.login or None,
        password=connection.password or None,
        principal=_text(extra, "principal"),
        keytab=_text(extra, "keytab"),
        certificate=_text(extra, "certificate"),
        server_ca=_text(extra, "server_ca"),
        timeout=float(extra.get("timeout") or 60),
    )


def _of_uri(text: str, conn_id: str) -> ConnectionFields:
    parts = urlsplit(text)
    query = dict(parse_qsl(parts.query))
    return ConnectionFields(
        conn_id=conn_id,
        host=unquote(parts.hostname or "") or None,
        login=unquote(parts.username or "") or None,
        password=unquote(parts.password or "") or None,
        schema=unquote(parts.path.removeprefix("/")) or None,
        port=parts.port,
        extra=json.loads(query["__extra__"]) if "__extra__" in query else query,
    )


def _hub_url(connection: ConnectionFields) -> str:
    """Give the host as it stands if it is a URL; a bare host (an AIRFLOW_CONN_ URI) is completed."""
    host = connection.host or ""
    if not host:
        msg = f"Connection {connection.conn_id} has no hub; put its URL, https://.../kojihub, into the host field."
        raise InvalidRequest(msg)
    if "://" in host:
        return host.rstrip("/")
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{host}{port}/kojihub"


def _authentication(connection: ConnectionFields) -> Authentication:
    named = _text(connection.extra, "authentication")
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
