"""Secrets that a command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from mbs.settings import InvalidSettings, Settings
from mbs.settings.secrets import NAMES, with_secrets, without_secrets
from mbs.settings.sources import load


def test_every_secret_can_be_printed_by_a_command() -> None:
    assert set(NAMES) == {"oidc_client_secret", "proxy_secret", "ldap_password"}
    told = with_secrets(Settings(**{f"{name}_cmd": f"printf '%s\\n' 'of {name}'" for name in NAMES}))  # type: ignore[arg-type]
    assert [getattr(told, name) for name in NAMES] == [f"of {name}" for name in NAMES]


def test_what_is_there_is_not_asked_for() -> None:
    assert with_secrets(Settings(proxy_secret="there", proxy_secret_cmd="false")).proxy_secret == "there"


@pytest.mark.parametrize("command", ["true", "false", "/nowhere/program", "'", "sh -c 'echo hidden; exit 3'"])
def test_a_command_that_prints_none_is_told_without_what_it_printed(command: str) -> None:
    with pytest.raises(InvalidSettings, match="ldap_password_cmd: prints no secret") as refused:
        with_secrets(Settings(ldap_password_cmd=command))
    assert "hidden" not in str(refused.value)


def test_a_secret_may_have_a_dollar_in_it(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[mbs]\nproxy_secret = pa$HOME\nldap_uri = ldaps://$HOST\nldap_groups_dn=x\n")
    settings = load(
        {"AIRFLOW_HOME": str(tmp_path), "HOME": "/root", "HOST": "h", "AIRFLOW__MBS__LDAP_PASSWORD": "$HOME"}
    )
    assert (settings.proxy_secret, settings.ldap_password, settings.ldap_uri) == ("pa$HOME", "$HOME", "ldaps://h")


def test_who_needs_no_secrets_gets_none() -> None:
    assert without_secrets({"arches": "x86_64", "proxy_secret": "hidden"}) == {"arches": "x86_64"}
