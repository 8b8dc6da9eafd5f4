"""The authenticators that the settings ask for."""

from __future__ import annotations

from mbs.settings import Settings
from mbs.web.auth import Authenticator, chosen
from mbs.web.auth.local import NoAuth


def authenticators(settings: Settings, *, airflow: Authenticator | None = None) -> tuple[Authenticator, ...]:
    """Make those that the setting `auth` names, in its order; `airflow` is there inside Airflow's API server alone.

    Raises InvalidSettings where one is not known, or cannot be had here.
    """
    known: dict[str, Authenticator] = {"no_auth": NoAuth()}
    if airflow is not None:
        known["airflow"] = airflow
    return chosen(settings, known)
