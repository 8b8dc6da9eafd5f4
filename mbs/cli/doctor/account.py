"""Which hub to look at, and as whom: the command line has no Airflow to ask for its connections.

What comes first counts: the variables MBS_KOJI_*, Airflow's own variable for the connection, a file of connections as
`airflow connections import` takes it, and Airflow's API, which tells everything but passwords.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mbs.koji.account import CONNECTION, VARIABLE, ConnectionFields, account_of
from mbs.koji.session import HubAccount
from mbs.model.errors import InvalidRequest, MbsError

FILE = Path("var") / "secrets" / "connections.json"
"""Beside airflow.cfg."""
TIMEOUT = 15.0
"""Seconds that one request to the hub may take: whoever looks does not want to wait as a build does."""
MASKED = "***"
"""What Airflow's API gives in the place of a password."""


@dataclass(frozen=True, slots=True)
class Found:
    """An account, and where it was found."""

    account: HubAccount
    place: str
    secret: bool = True
    """Whether its password is known, or none is needed."""


def find(environ: Mapping[str, str], file: Path | None, ask_airflow: Callable[[], Mapping[str, Any]]) -> Found:
    """Find the account; `ask_airflow` gives the connection of Airflow's API. Raises InvalidRequest, MbsError."""
    fields, place = _told(environ, file) or (ConnectionFields.of_mapping(ask_airflow()), "Airflow's API")
    user, password = environ.get("MBS_KOJI_USER"), environ.get("MBS_KOJI_PASSWORD")
    if user and password:
        fields = replace(fields, login=user, password=password, extra={**fields.extra, "authentication": "password"})
    secret = fields.password != MASKED
    if not secret:
        fields = replace(fields, password=None, extra={**fields.extra, "authentication": "none"})
    account = account_of(fields)
    return Found(replace(account, timeout=min(account.timeout, TIMEOUT)), place, secret)


def _told(environ: Mapping[str, str], file: Path | None) -> tuple[ConnectionFields, str] | None:
    if hub := environ.get("MBS_KOJI_HUB"):
        return ConnectionFields(host=hub), "MBS_KOJI_HUB"
    if text := environ.get(VARIABLE):
        return ConnectionFields.of_variable(text), VARIABLE
    if file and file.exists():
        return _of_file(file), str(file)
    return None


def _of_file(file: Path) -> ConnectionFields:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))[CONNECTION]
        return ConnectionFields.of_variable(values) if isinstance(values, str) else ConnectionFields.of_mapping(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{file} has no connection {CONNECTION} that could be read ({type(error).__name__})"
        raise InvalidRequest(msg) from None


def unknown(reason: MbsError) -> str:
    """Say that no account was found."""
    return f"no hub is known: {reason}"
