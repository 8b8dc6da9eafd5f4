"""rpkg with a ticket: Kerberos, Apache and LDAP as they are elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI

from mbs.registry import ModuleState
from tests.clients.conftest import Served, serve
from tests.clients.test_rpkg import submitted
from tests.conftest import PostgresUrl, RunningHub
from tests.mbs.web.auth.conftest import behind_apache, home, in_front_of, kerberos, ldap
from tests.mbs.web.auth.servers import Kerberos, Ldap
from tests.served import serving

__all__ = ["home", "kerberos", "ldap"]


@dataclass(frozen=True)
class Packagers:
    """People with tickets, before an API that asks for them."""

    served: Served
    kerberos: Kerberos
    authorities: Path

    def rpkg(self, user: str | None, *words: object, fails: bool = False) -> str:
        """Run rpkg with the ticket of somebody, or of nobody."""
        ticket: Mapping[str, str] = self.kerberos.ticket(user) if user else self.kerberos.no_ticket
        env = {**ticket, "REQUESTS_CA_BUNDLE": str(self.authorities)}
        return self.served.rpkg(*words, fails=fails, env=env)


@pytest.fixture(scope="module")
def packagers(
    home: Path,
    ldap: Ldap,
    kerberos: Kerberos,
    postgres_url: PostgresUrl,
    running_hub: RunningHub,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Packagers]:
    folder = home / "rpkg"

    @contextmanager
    def by_apache(app: FastAPI) -> Iterator[str]:
        with serving(app) as backend, in_front_of(backend, folder, kerberos) as front:
            yield front.url

    packager = tmp_path_factory.mktemp("packager")
    settings = behind_apache(ldap, admin_groups=("qa",))
    with serve(postgres_url(), running_hub, packager, settings, by_apache) as served:
        yield Packagers(served, kerberos, folder / "localhost.pem")


def test_a_packager_submits_and_cancels_with_a_ticket_and_the_trace_says_so(packagers: Packagers) -> None:
    commit = packagers.served.commit("greeter")
    refused = packagers.rpkg("robin", "module-build", commit, "1", fails=True)
    assert "robin is not in any of {'packager'}, only {'qa'}" in refused
    without = packagers.rpkg(None, "module-build", commit, "1", fails=True)
    assert "MBS authentication using Kerberos failed" in without
    assert packagers.served.builds() == []

    [number] = submitted(packagers.rpkg("pat", "module-build", commit, "1"))
    builds = packagers.served.registry.builds
    assert builds.get(number).owner == "pat"
    assert "was cancelled" in packagers.rpkg("pat", "module-build-cancel", number)
    build = builds.get(number)
    assert (build.state, build.state_reason) == (ModuleState.FAILED, "Canceled by pat.")
    assert {trace.origin for trace in builds.trace(number)} == {"proxy from 127.0.0.1"}
