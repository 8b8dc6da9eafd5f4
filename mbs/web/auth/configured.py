"""The authenticators that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mbs.model.errors import Problem
from mbs.model.hosts import is_public
from mbs.settings import InvalidSettings, Settings
from mbs.settings.entry import contradictions
from mbs.settings.secrets import with_secrets
from mbs.web.auth import Authenticator
from mbs.web.auth.local import NoAuth
from mbs.web.auth.oidc import OpenId
from mbs.web.auth.proxy import FrontServer


def authenticators(
    settings: Settings, *, airflow: Authenticator | None = None, public_url: str = ""
) -> tuple[Authenticator, ...]:
    """Make those that the setting `auth` names, in its order; `airflow` is there inside Airflow's API server alone.

    `public_url` is where people find us, if that is known. Raises InvalidSettings where one cannot be had.
    """
    problems = tuple(contradictions(settings))
    if "no_auth" in settings.auth and is_public(public_url):
        problems += (Problem(f"has no_auth, for a laptop, and people find the service at {public_url}", "auth"),)
    if "airflow" in settings.auth and airflow is None:
        problems += (Problem("has airflow, which only Airflow's API server knows", "auth"),)
    if problems:
        raise InvalidSettings(problems)
    settings = with_secrets(settings)
    made: Mapping[str, Callable[[Settings], Authenticator]] = {
        "no_auth": lambda _: NoAuth(),
        "oidc": OpenId,
        "proxy": _front_server,
    }
    return tuple(airflow if airflow and name == "airflow" else made[name](settings) for name in settings.auth)


def _front_server(settings: Settings) -> FrontServer:
    if not settings.ldap_uri:
        return FrontServer(settings)
    from mbs.web.auth.groups import Directory  # noqa: PLC0415 - six megabytes that few need

    return FrontServer(settings, Directory(settings))
