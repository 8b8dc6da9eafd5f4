"""What is said of who may come in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mbs.cli.doctor import entry
from mbs.cli.doctor.entry import EntryFacts
from mbs.cli.doctor.finding import Verdict
from mbs.settings import Settings

HERE = EntryFacts("127.0.0.1")
EVERYWHERE = EntryFacts("0.0.0.0")  # noqa: S104 - nothing listens
OIDC = Settings(auth=("oidc",), oidc_issuer="http://localhost:9", oidc_client_id="mbs", oidc_client_secret="hidden")
PROXY = Settings(
    auth=("proxy",),
    trusted_proxies=("192.0.2.7",),
    proxy_realms=("EXAMPLE.ORG",),
    ldap_uri="ldap://localhost:9",
    ldap_groups_dn="dc=org",
)


def test_what_is_as_it_should_be() -> None:
    for settings in (Settings(), OIDC, PROXY, replace(PROXY, auth=("oidc", "proxy"), oidc_client_secret_cmd="true")):
        (right,) = entry.judge(EVERYWHERE, settings)
        assert (right.verdict, right.text) == (
            Verdict.RIGHT,
            f"who comes in over the REST API is known by: {', '.join(settings.auth)}",
        )
    assert [one.verdict for one in entry.judge(HERE, Settings(auth=("no_auth",)))] == [Verdict.RIGHT]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(auth=()), "nobody can log in to the REST API"),
        (Settings(auth=("no_auth",)), "no_auth, for a laptop, and Airflow's API server listens on 0.0.0.0"),
        (replace(PROXY, trusted_proxies=("0.0.0.0/0",)), "whose 4294967296 addresses all count"),
        (replace(PROXY, trusted_proxies=("::1",)), "could be anybody"),
        (replace(PROXY, ldap_uri=""), "nobody is in packager"),
    ],
)
def test_what_lets_in_nobody_or_everybody_is_wrong(settings: Settings, said: str) -> None:
    (wrong,) = (one for one in entry.judge(EVERYWHERE, settings) if one.verdict is Verdict.WRONG)
    assert said in wrong.text
    assert wrong.remedy


def test_a_laptop_that_people_find_elsewhere_is_none() -> None:
    behind = EntryFacts("127.0.0.1", "https://mbs.example.org")
    (wrong,) = entry.judge(behind, Settings(auth=("airflow", "no_auth")))
    assert "people find the service at https://mbs.example.org" in wrong.text
    assert [one.verdict for one in entry.judge(behind, Settings())] == [Verdict.RIGHT]


def test_opaque_tokens_without_a_secret_are_told_of() -> None:
    (told,) = entry.judge(HERE, replace(OIDC, oidc_client_secret=""))
    assert (told.verdict, told.text) == (
        Verdict.UNSEEN,
        "tokens that are no JWT are refused: oidc_client_secret is empty",
    )


def test_what_does_not_answer_is_told_without_secrets() -> None:
    both = replace(PROXY, auth=("oidc", "proxy"), oidc_issuer="http://localhost:9", oidc_client_id="mbs")
    settings = replace(both, oidc_client_secret="hidden", ldap_password_cmd="false", ldap_user="cn=mbs")
    facts = entry.look(settings, "127.0.0.1", "")
    assert facts.unprinted == ("ldap_password_cmd",)
    assert [text.partition(" does not")[0] for text in facts.silent] == [
        "The identity provider localhost:9",
        "The LDAP server localhost:9",
    ]
    told = list(entry.judge(facts, settings))
    assert [one.verdict for one in told] == [Verdict.WRONG, Verdict.WRONG, Verdict.UNSEEN]
    assert "hidden" not in repr(told)
