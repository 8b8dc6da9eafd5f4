"""Which groups a user is in, asked of a real LDAP server."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from mbs.model.errors import Infrastructure
from mbs.settings import Settings
from mbs.web.auth import groups
from mbs.web.auth.groups import KEPT, Directory, needs_start_tls
from tests.mbs.web.auth.servers import Ldap


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(ldap: Ldap) -> Settings:
    return Settings(ldap_uri=ldap.url, ldap_groups_dn=ldap.base)


def test_groups_are_those_that_have_the_user(settings: Settings) -> None:
    assert Directory(settings)("pat") == {"packager", "qa", "odd (group)"}
    assert Directory(settings)("robin") == {"qa"}
    assert Directory(settings)("nobody") == frozenset()


@pytest.mark.parametrize("name", ["*", "pa*", "x)(cn=*", "pat)(memberUid=*", "pat\0", "\\70at", "*)(|(cn=*", ""])
def test_a_name_is_no_filter(settings: Settings, name: str) -> None:
    assert Directory(settings)(name) == frozenset()


def test_who_has_logged_in_sees_more(settings: Settings, ldap: Ldap) -> None:
    hidden = replace(settings, ldap_groups_dn=ldap.hidden)
    with pytest.raises(Infrastructure):
        Directory(hidden)("pat")
    known = replace(hidden, ldap_user=ldap.login, ldap_password=ldap.password)
    assert Directory(known)("pat") == {"secret"}


def test_a_wrong_password_is_told_without_it(settings: Settings, ldap: Ldap) -> None:
    wrong = replace(settings, ldap_user=ldap.login, ldap_password="wrong one")
    with pytest.raises(Infrastructure, match=f"127.0.0.1:{ldap.port} does not tell any groups") as away:
        Directory(wrong)("pat")
    assert "wrong one" not in str(away.value)


def test_over_tls_the_server_has_to_be_the_one_that_is_meant(settings: Settings, ldap: Ldap) -> None:
    trusting = replace(settings, ldap_uri=ldap.tls_url, ldap_ca_file=str(ldap.certificate.certificate))
    assert "qa" in Directory(trusting)("pat")
    for wrong in (
        replace(trusting, ldap_ca_file=""),  # signed by nobody whom the system knows
        replace(trusting, ldap_uri=ldap.tls_url.replace("localhost", "127.1")),  # not its name
        replace(trusting, ldap_uri=ldap.url.replace("ldap:", "ldaps:")),
    ):
        with pytest.raises(Infrastructure):
            Directory(wrong)("pat")


def test_elsewhere_nothing_is_said_before_tls(settings: Settings, ldap: Ldap, monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs_start_tls("ldap://ldap.example.org")
    assert not needs_start_tls("ldaps://ldap.example.org")
    monkeypatch.setattr(groups, "needs_start_tls", lambda _: True)
    named = replace(settings, ldap_uri=ldap.url.replace("127.0.0.1", "localhost"))
    assert "qa" in Directory(replace(named, ldap_ca_file=str(ldap.certificate.certificate)))("pat")
    with pytest.raises(Infrastructure):
        Directory(named)("pat")


def test_a_server_that_is_away_is_asked_again_after_a_minute(settings: Settings) -> None:
    clock = Clock()
    directory = Directory(settings, clock)
    assert "qa" in directory("robin")
    assert directory("nobody") == frozenset()
    directory._settings = replace(settings, ldap_uri="ldap://127.0.0.1:9")
    assert "qa" in directory("robin")
    assert directory("nobody") == frozenset()
    clock.now += KEPT + 1
    with pytest.raises(Infrastructure):
        directory("robin")
