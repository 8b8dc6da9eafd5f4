"""Kerberos for real: a KDC, Apache as the page configures it, LDAP, and a client as rpkg is one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
import requests
from requests_gssapi import OPTIONAL, HTTPSPNEGOAuth

from tests.mbs.web.auth.conftest import SECRET, Front
from tests.mbs.web.auth.servers import Kerberos

PATH = "/module-build-service/1/whoami"
BODY = json.dumps({"scmurl": "https://src.example.org/modules/m.git#1", "branch": "main"})
SECONDS = 30

AskAs = Callable[..., requests.Response]


@pytest.fixture
def ask_as(front: Front, kerberos: Kerberos, monkeypatch: pytest.MonkeyPatch) -> AskAs:
    """Ask as rpkg does, with the ticket of a user, or without one."""

    def ask(user: str | None, verb: str = "post", url: str = front.url) -> requests.Response:
        for name, value in (kerberos.ticket(user) if user else kerberos.no_ticket).items():
            monkeypatch.setenv(name, value)
        auth = HTTPSPNEGOAuth(mutual_authentication=OPTIONAL)
        return requests.request(
            verb, f"{url}{PATH}", data=BODY, auth=auth, verify=str(front.authority), timeout=SECONDS
        )

    return ask


def post(front: Front, url: str, headers: Mapping[str, str]) -> requests.Response:
    return requests.post(f"{url}{PATH}", data=BODY, headers=headers, verify=str(front.authority), timeout=SECONDS)


def test_who_has_a_ticket_and_is_in_the_group_may_submit(ask_as: AskAs) -> None:
    answer = ask_as("pat")
    assert answer.status_code == 200, answer.text
    said = {"name": "pat", "way": "proxy", "address": "127.0.0.1"}
    assert answer.json() == {**said, "groups": ["odd (group)", "packager", "qa"]}
    assert [earlier.status_code for earlier in answer.history] == [401]


def test_who_is_not_in_the_group_may_not(ask_as: AskAs) -> None:
    answer = ask_as("robin")
    assert answer.status_code == 403
    assert answer.json()["message"] == "robin is not in any of {'packager'}, only {'qa'}"


def test_another_principal_of_the_same_person_is_somebody_else(ask_as: AskAs) -> None:
    assert ask_as("pat/admin").json()["message"] == "pat/admin is not in any of {'packager'}, only set()"


def test_without_a_ticket_one_is_asked_for(ask_as: AskAs, front: Front) -> None:
    for answer in (ask_as(None), post(front, front.url, {})):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Negotiate")


def test_a_ticket_for_another_service_is_none(ask_as: AskAs, front: Front) -> None:
    answer = ask_as("pat", url=front.url.replace("localhost", "127.0.0.1"))
    assert answer.status_code == 401


@pytest.mark.parametrize("proof", ["Negotiate", "Negotiate YIIxxxx", "Negotiate " + "A" * 4000, "Basic cGF0OnBhdA=="])
def test_what_is_no_ticket_is_none(front: Front, proof: str) -> None:
    assert post(front, front.url, {"Authorization": proof}).status_code == 401


FORGED = {"X-Remote-User": "pat@EXAMPLE.ORG", "X-Proxy-Secret": "guessed"}


def test_what_a_stranger_writes_into_the_header_apache_takes_out(front: Front) -> None:
    assert post(front, front.url, FORGED).status_code == 401
    read = requests.get(f"{front.url}{PATH}", headers=FORGED, verify=str(front.authority), timeout=SECONDS)
    assert (read.status_code, read.json()["message"]) == (401, "No REMOTE_USER is set.")


def test_who_comes_around_apache_is_nobody(front: Front) -> None:
    for headers, said in (
        ({}, "No REMOTE_USER is set."),
        ({"X-Remote-User": "pat@EXAMPLE.ORG"}, "A front server has to show its secret."),
        (FORGED, "A front server has to show its secret."),
    ):
        answer = post(front, front.backend, headers)
        assert (answer.status_code, answer.json()["message"]) == (401, said)


def test_the_header_is_what_it_all_hangs_on(front: Front) -> None:
    """With the secret, who is on Apache's machine is whoever they say: the other tests are refused for a reason."""
    assert post(front, front.backend, {**FORGED, "X-Proxy-Secret": SECRET}).json()["name"] == "pat"


def test_everybody_may_read(front: Front) -> None:
    about = f"{front.url}/module-build-service/1/about/"
    answer = requests.get(about, verify=str(front.authority), timeout=SECONDS)
    assert answer.json()["auth_method"] == "kerberos"
