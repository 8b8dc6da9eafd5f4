"""Whom a front server has authenticated, and who may not play one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import _TrustedHosts

from mbs.model.errors import Infrastructure, Unauthenticated
from mbs.model.hosts import read_address
from mbs.settings import Settings
from mbs.web.auth.peers import address_of, forwarded_for, networks
from mbs.web.auth.proxy import FrontServer, name_of
from tests.mbs.web.auth.conftest import whoami
from tests.served import serving

SETTINGS = Settings(
    auth=("proxy",),
    trusted_proxies=("192.0.2.0/28", "2001:db8::7", "127.0.0.1"),
    proxy_realms=("EXAMPLE.ORG", "PEOPLE.EXAMPLE.ORG"),
)
PAT = ("x-remote-user", "pat@EXAMPLE.ORG")


def request(*headers: tuple[str, str], peer: str | None = "192.0.2.7", server: str = "127.0.0.1") -> Request:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    ends = {"client": peer and (peer, 1), "server": (server, 8080)}
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw, **ends})


def groups(user: str) -> frozenset[str]:
    return frozenset({f"friends of {user}"})


@pytest.mark.parametrize("peer", ["192.0.2.7", "192.0.2.0", "::ffff:192.0.2.7", "2001:db8:0::7", "127.0.0.1"])
def test_the_word_of_a_front_server_counts(peer: str) -> None:
    user = FrontServer(SETTINGS, groups).user_of(request(PAT, peer=peer))
    assert user
    assert (user.name, user.groups, user.way) == ("pat", frozenset({"friends of pat"}), "proxy")


@pytest.mark.parametrize("peer", ["192.0.2.16", "198.51.100.1", "::1", "2001:db8::8", "/run/socket", None])
def test_nobody_elses_does(peer: str | None) -> None:
    with pytest.raises(Unauthenticated, match="does not count here"):
        FrontServer(SETTINGS).user_of(request(PAT, peer=peer))


def test_who_comes_from_this_machine_has_come_to_it() -> None:
    """uvicorn may have the address of the other end from a header, its own from the system."""
    assert FrontServer(SETTINGS).user_of(request(PAT, peer="127.0.0.1"))
    with pytest.raises(Unauthenticated, match="does not count here"):
        FrontServer(SETTINGS).user_of(request(PAT, peer="127.0.0.1", server="198.51.100.1"))


@pytest.mark.parametrize("value", ["", " ", "(null)"])
def test_a_front_server_that_knows_nobody(value: str) -> None:
    assert FrontServer(SETTINGS).user_of(request(("x-remote-user", value))) is None
    assert FrontServer(SETTINGS).user_of(request()) is None
    assert FrontServer(SETTINGS).missing(request()) == "No REMOTE_USER is set."


def test_two_users_are_none() -> None:
    with pytest.raises(Unauthenticated, match="2 times"):
        FrontServer(SETTINGS).user_of(request(PAT, ("x-remote-user", "root@EXAMPLE.ORG")))


@pytest.mark.parametrize("text", ["pat", "@EXAMPLE.ORG", "pat@", "@"])
def test_what_is_no_user_of_a_realm_is_told_in_the_words_of_mbs(text: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        FrontServer(SETTINGS).user_of(request(("x-remote-user", text)))
    assert str(refused.value) == "Value of REMOTE_NAME is not in format username@REALM"


@pytest.mark.parametrize(
    "text",
    ["pat@PARTNER.EXAMPLE.ORG", "pat@example.org", "pat@X@EXAMPLE.ORG", "pat\u00ad@EXAMPLE.ORG", "p  q@EXAMPLE.ORG"],
)
def test_the_same_name_of_another_realm_is_somebody_else(text: str) -> None:
    with pytest.raises(Unauthenticated, match="not taken here"):
        name_of(text, SETTINGS.proxy_realms)


def test_any_of_our_realms_does() -> None:
    assert name_of("pat@PEOPLE.EXAMPLE.ORG", SETTINGS.proxy_realms) == "pat"
    assert name_of("host/a.example.org@EXAMPLE.ORG", SETTINGS.proxy_realms) == "host/a.example.org"


@pytest.mark.parametrize("shown", [[], [""], ["wrong"], ["s3cret "], ["\u00e9"], ["wrong", "s3cret"]])
def test_where_there_is_a_secret_it_has_to_be_shown(shown: list[str]) -> None:
    door = FrontServer(replace(SETTINGS, proxy_secret="s3cret"))
    with pytest.raises(Unauthenticated, match="has to show its secret"):
        door.user_of(request(PAT, *(("x-proxy-secret", one) for one in shown)))
    assert door.user_of(request(PAT, ("x-proxy-secret", "s3cret")))


def test_without_ldap_only_those_come_in_who_need_no_groups() -> None:
    def away(user: str) -> frozenset[str]:
        raise Infrastructure(user)

    with pytest.raises(Infrastructure):
        FrontServer(SETTINGS, away).user_of(request(PAT))
    user = FrontServer(replace(SETTINGS, allowed_users=("pat",)), away).user_of(request(PAT))
    assert user
    assert user.groups == frozenset()


def test_where_nobody_knows_groups_there_are_none() -> None:
    user = FrontServer(SETTINGS).user_of(request(PAT))
    assert user
    assert user.groups == frozenset()


@pytest.mark.parametrize("proxy_headers", [False, True])
def test_an_address_in_a_header_is_nobodys(*, proxy_headers: bool) -> None:
    """uvicorn takes the address of who asks from a header if it is told to, and anybody can write that."""
    away = replace(SETTINGS, trusted_proxies=("192.0.2.7",))
    with serving(whoami(away), proxy_headers=proxy_headers) as url:
        for forwarded in ("192.0.2.7", "192.0.2.7:1234", "203.0.113.9, 192.0.2.7", "192.0.2.7, 192.0.2.7"):
            headers = {"X-Remote-User": "pat@EXAMPLE.ORG", "X-Forwarded-For": forwarded}
            answer = requests.post(f"{url}/module-build-service/1/whoami", headers=headers, timeout=30)
            assert answer.status_code == 401, answer.text
            assert "does not count here" in answer.json()["message"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),  # from anybody it says nothing
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.7", ["203.0.113.9:4711"], "203.0.113.9"),
        ("192.0.2.7", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("192.0.2.7", ["10.0.0.1, 203.0.113.9"], "203.0.113.9"),  # who asked may have written what is before
        ("192.0.2.7", ["10.0.0.1", "203.0.113.9, 192.0.2.8"], "203.0.113.9"),
        ("192.0.2.7", ["evil\x7f, 192.0.2.8"], "192.0.2.8"),
        ("192.0.2.7", ["<script>"], "192.0.2.7"),
        ("::ffff:192.0.2.7", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("testclient", ["203.0.113.9"], "testclient"),
        (None, ["203.0.113.9"], ""),
    ],
)
def test_the_trace_has_the_address_of_who_asked_the_front_server(
    peer: str | None, forwarded: list[str], address: str
) -> None:
    asked = request(*(("x-forwarded-for", value) for value in forwarded), peer=peer)
    assert address_of(asked, networks(SETTINGS.trusted_proxies)) == address


HOPS = st.text("0127.:[], \tab/", max_size=12) | st.sampled_from(["192.0.2.7", "[192.0.2.7]x", "192.0.2.7:1", "::1"])


@given(st.lists(HOPS, max_size=4).map(",".join))
def test_every_address_that_uvicorn_takes_from_a_header_is_seen_there(forwarded: str) -> None:
    host, _ = _TrustedHosts("127.0.0.1").get_trusted_client_address(forwarded)
    taken = read_address(host)
    assert taken is None or taken in forwarded_for(request(("x-forwarded-for", forwarded)))
