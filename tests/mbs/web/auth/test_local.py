"""Nobody logs in on a laptop, and only there."""

from __future__ import annotations

import pytest
from fastapi import Request

from mbs.model.users import User
from mbs.settings import Settings
from mbs.web.auth.configured import authenticators
from mbs.web.auth.local import NoAuth


def request(
    client: str | None = "127.0.0.1", server: str | None = "127.0.0.1", host: str = "localhost:8080", **headers: str
) -> Request:
    named = [(b"host", host.encode())] if host else []
    others = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    ends = {"client": client and (client, 50000), "server": server and (server, 8080)}
    return Request({"type": "http", "method": "POST", "path": "/", "headers": [*named, *others], **ends})


def test_whoever_sits_in_front_of_the_machine_is_anonymous() -> None:
    (alone,) = authenticators(Settings(auth=("no_auth",)))
    user = User(name="anonymous", groups=frozenset({"packager"}), way="no_auth")
    assert alone.user_of(request()) == user
    assert alone.is_ambient


@pytest.mark.parametrize("name", ["127.0.0.1", "127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:80", "[::1]"])
def test_the_machine_has_several_names(name: str) -> None:
    assert NoAuth().user_of(request(host=name))


@pytest.mark.parametrize("address", ["::1", "127.8.9.10", "::ffff:127.0.0.1"])
def test_the_machine_has_several_addresses(address: str) -> None:
    assert NoAuth().user_of(request(client=address, server=address))


@pytest.mark.parametrize(
    "elsewhere",
    [
        request(client="192.0.2.7"),
        request(client=None),
        request(client="testclient"),
        request(server="192.0.2.7"),
        request(server="0.0.0.0"),  # noqa: S104 - nothing listens
        request(server="/run/mbs.socket"),
        request(server=None),
        request(host=""),
        request(host="rebound.example.org"),
        request(host="localhost.example.org"),
        request(host="127.0.0.1.example.org"),
        request(host="[::1].example.org"),
        request(host="localhost:80:rebound"),
        request(client="::ffff:192.0.2.7"),
        request(forwarded="for=127.0.0.1"),
        request(x_forwarded_for="127.0.0.1"),
        request(x_forwarded_host="localhost"),
        request(via="1.1 proxy"),
        request(x_real_ip="127.0.0.1"),
    ],
)
def test_what_may_come_from_elsewhere_is_nobody(elsewhere: Request) -> None:
    assert NoAuth().user_of(elsewhere) is None
    assert "localhost" in NoAuth().missing(elsewhere)


def test_two_names_of_a_host_are_none() -> None:
    double = request()
    double.scope["headers"].append((b"host", b"rebound.example.org"))
    assert NoAuth().user_of(double) is None
