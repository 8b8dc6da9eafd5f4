"""Which ways to come in the settings name, and what contradicts itself in them."""

from __future__ import annotations

import pytest

from mbs.settings import InvalidSettings, Settings
from mbs.web.auth.configured import authenticators
from tests.mbs.web.conftest import Introduced

OIDC = {"oidc_issuer": "https://id.example.org", "oidc_client_id": "mbs"}
PROXY = {"trusted_proxies": "192.0.2.0/24, ::1", "proxy_realms": "EXAMPLE.ORG"}


def test_the_setting_names_those_that_count_in_their_order() -> None:
    airflow = Introduced()
    settings = Settings.from_mapping({"auth": "proxy, airflow, oidc", **OIDC, **PROXY})
    made = authenticators(settings, airflow=airflow)
    assert [one.name for one in made] == ["proxy", "introduced", "oidc"]
    assert [one.method for one in made] == ["kerberos", "oidc", "oidc"]
    assert made[1] is airflow


def test_with_none_named_there_is_none() -> None:
    assert authenticators(Settings.from_mapping({"auth": ""}), airflow=Introduced()) == ()


def test_outside_airflow_nobody_logs_in_to_it() -> None:
    with pytest.raises(InvalidSettings, match="only Airflow's API server knows"):
        authenticators(Settings())


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"auth": "kerberos"}, {"auth"}),
        ({"auth": "no_auth, proxy", **PROXY}, {"auth"}),
        ({"auth": "oidc"}, {"oidc_issuer", "oidc_audience"}),
        ({"auth": "oidc", **OIDC, "oidc_issuer": "id.example.org"}, {"oidc_issuer"}),
        ({"auth": "oidc", **OIDC, "oidc_issuer": "http://id.example.org"}, {"oidc_issuer"}),
        (
            {"auth": "oidc", "oidc_issuer": "https://a", "oidc_audience": "a", "oidc_client_secret": "s"},
            {"oidc_client_id"},
        ),
        ({"auth": "proxy"}, {"trusted_proxies", "proxy_realms"}),
        ({"auth": "proxy", **PROXY, "proxy_user_header": ""}, {"proxy_user_header"}),
        ({"auth": "proxy", **PROXY, "trusted_proxies": "proxy.example.org"}, {"trusted_proxies"}),
        ({"trusted_proxies": "192.0.2.7/24"}, {"trusted_proxies"}),
        ({"ldap_uri": "ldap.example.org", "ldap_groups_dn": "dc=org"}, {"ldap_uri"}),
        ({"ldap_uri": "ldaps://ldap.example.org"}, {"ldap_groups_dn"}),
    ],
)
def test_what_contradicts_itself_is_told_before_anybody_comes(wrong: dict[str, str], where: set[str]) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_mapping(wrong)
    assert {problem.where for problem in refused.value.problems} == where


@pytest.mark.parametrize("url", ["", "http://localhost:8080", "http://127.0.0.1:8080/airflow", "http://[::1]/"])
def test_a_laptop_is_found_on_itself(url: str) -> None:
    assert authenticators(Settings(auth=("no_auth",)), public_url=url)


@pytest.mark.parametrize("url", ["https://mbs.example.org", "http://192.0.2.7:8080/", "http://localhost.example.org"])
def test_behind_a_front_server_somebody_has_to_log_in(url: str) -> None:
    """One that is on the same machine may not say that it passes a request on."""
    with pytest.raises(InvalidSettings, match="has no_auth, for a laptop, and people find the service at"):
        authenticators(Settings(auth=("airflow", "no_auth")), airflow=Introduced(), public_url=url)
    assert authenticators(Settings(), airflow=Introduced(), public_url=url)


def test_settings_that_were_made_otherwise_are_looked_at_too() -> None:
    with pytest.raises(InvalidSettings, match="oidc_issuer"):
        authenticators(Settings(auth=("oidc",)))


def test_a_secret_is_not_shown() -> None:
    settings = Settings(oidc_client_secret="hidden", proxy_secret="hidden", ldap_password="hidden")
    assert "hidden" not in repr(settings)
