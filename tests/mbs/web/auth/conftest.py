"""The servers that tell who somebody is, once for all tests of a process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from mbs.planning.permissions import check_submitter
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.web import create_app
from mbs.web.access import Asking
from mbs.web.answers import Json
from mbs.web.auth.configured import authenticators
from mbs.web.services import Given, Services
from tests.conftest import ROOT
from tests.docs.pages import Page
from tests.mbs.web.auth.servers import (
    REALM,
    Kerberos,
    Ldap,
    apache,
    give_to_apache,
    kerberos_realm,
    ldap_server,
    make_certificate,
    missing,
)
from tests.mbs.web.conftest import RecordedRuns, no_hub
from tests.served import serving

SECRET = "a secret of the front server"
GROUPS = {"packager": ["pat"], "qa": ["pat", "robin"], "odd (group)": ["pat"]}


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder that Apache, as another user, can come to."""
    if absent := missing():
        pytest.skip(f"not installed here: {', '.join(absent)} (tools/setup.sh --clients)")
    with tempfile.TemporaryDirectory(prefix="mbs-auth-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="session")
def ldap(home: Path) -> Iterator[Ldap]:
    with ldap_server(home / "ldap", GROUPS) as server:
        yield server


@pytest.fixture(scope="session")
def kerberos(home: Path) -> Iterator[Kerberos]:
    with kerberos_realm(home / "kerberos") as realm:
        realm.add("pat", "robin", "pat/admin")
        realm.add_service("HTTP/localhost")
        realm.add_service("HTTP/127.0.0.1", known=False)
        give_to_apache(realm.keytab)
        yield realm


@dataclass(frozen=True)
class Front:
    """Apache, configured as the page says, before an application of ours."""

    url: str
    authority: Path
    """File of the certificate's authority."""
    backend: str
    """URL that nobody but Apache should reach."""


@pytest.fixture(scope="session")
def front(home: Path, ldap: Ldap, kerberos: Kerberos) -> Iterator[Front]:
    with serving(whoami(behind_apache(ldap))) as backend, in_front_of(backend, home / "front", kerberos) as front:
        yield front


def behind_apache(ldap: Ldap, **more: Any) -> Settings:
    """Settings as the page has them."""
    return Settings(
        auth=("proxy",),
        trusted_proxies=("127.0.0.1",),
        proxy_realms=(REALM,),
        proxy_secret=SECRET,
        ldap_uri=ldap.url,
        ldap_groups_dn=ldap.base,
        **more,
    )


@contextmanager
def in_front_of(backend: str, home: Path, kerberos: Kerberos) -> Iterator[Front]:
    """Run an Apache that is configured as the page says."""
    home.mkdir(mode=0o711)
    certificate = make_certificate(home)
    (home / "proxy_secret.conf").write_text(f'Define MBS_PROXY_SECRET "{SECRET}"\n')
    page = Page(ROOT / "docs" / "how-to" / "authenticate.md")
    (block,) = (block.text for block in page.blocks if block.language == "apache")
    here: Mapping[str, str] = {
        "*:443": "127.0.0.1:{port}",
        "mbs.example.org": "localhost",
        "/etc/pki/tls/certs/mbs.pem": str(certificate.certificate),
        "/etc/pki/tls/private/mbs.key": str(certificate.key),
        "/etc/mbs/http.keytab": str(kerberos.keytab),
        "/etc/mbs/proxy_secret.conf": str(home / "proxy_secret.conf"),
        "http://127.0.0.1:8080/": f"{backend}/",
    }
    for there, ours in here.items():
        assert there in block
        block = block.replace(there, ours)
    with apache(home / "apache", block, kerberos.env) as url:
        yield Front(url, certificate.certificate, backend)


def whoami(settings: Settings) -> FastAPI:
    """An application of ours with one more route, which says who asks, and whether they may submit."""
    services = Services(
        settings=settings,
        registry=_no_registry,
        hub=no_hub,
        runs=RecordedRuns(),
        authenticators=authenticators(settings),
    )
    ours = create_app(services)

    def answer(user: Asking, services: Given) -> Json:
        check_submitter(user, services.settings)
        return Json({"name": user.name, "groups": sorted(user.groups or ()), "way": user.way, "address": user.address})

    ours.add_api_route("/1/whoami", answer, methods=["GET", "POST"], response_model=None)
    outer = FastAPI()
    outer.mount("/module-build-service", ours)
    return outer


def _no_registry() -> Registry:
    raise AssertionError("nothing is recorded here")
