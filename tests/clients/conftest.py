"""One server for all clients, which nobody here wrote; each test submits modules of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from fastapi import FastAPI

from devhub.examples import commit_again, publish
from mbs.model.naming import PREFIX
from mbs.registry import ModuleBuildRow, Registry, engine_for
from mbs.settings import Settings
from mbs.steps.submit import read_import, register
from tests.conftest import ROOT, PostgresUrl, RunningHub
from tests.served import application, serving

PLATFORM = ROOT / "examples" / "platform" / "platform.yaml"
PYTHON = ROOT / ".venv" / "clients" / "bin" / "python"
COMMAND = Path(__file__).with_name("rpkg")

CONFIG = """\
[rpkg]
lookaside = http://localhost/repo/pkgs
lookasidehash = sha512
lookaside_cgi = http://localhost/repo/pkgs/upload.cgi
gitbaseurl = file://{sources}/%(repo)s
anongiturl = file://{sources}/%(repo)s
branchre = f\\d\\d$
kojiprofile = devhub
build_client = koji
distgit_namespaced = True
distgit_namespaces = rpms modules

[rpkg.mbs]
auth_method = kerberos
api_url = {api}/1/
"""
"""The server never asks who it is, so that no ticket is needed."""

KOJI = """\
[devhub]
server = {hub}
authtype = password
user = mbs
password = mbs
"""


@dataclass(frozen=True)
class Served:
    """The API, and where its sources are."""

    url: str
    """With the prefix."""
    registry: Registry
    sources: Path
    """Directory of the git repositories, rpms/ and modules/."""
    home: Path
    """Of whoever runs the clients."""

    def get(self, path: str, **params: object) -> requests.Response:
        """Ask as a script does."""
        return requests.get(f"{self.url}/{path}", params=params, timeout=30)  # type: ignore[arg-type]

    def rpkg(
        self, *words: object, cwd: Path | None = None, fails: bool = False, env: Mapping[str, str] | None = None
    ) -> str:
        """Run rpkg and give what it says; fail where its status is not as expected."""
        command = [str(PYTHON), str(COMMAND), "--config", str(self.home / "rpkg.conf"), *map(str, words)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "USER": "pat"}
        environment |= env or {}
        done = subprocess.run(
            command, cwd=cwd or self.home, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return said

    def clone(self, module: str, to: Path) -> Path:
        """Clone a module's repository, as a packager does."""
        source = self.sources / "modules" / module
        subprocess.run(["git", "clone", "-q", "-b", "1", f"file://{source}", str(to / module)], check=True)
        return to / module

    def commit(self, module: str) -> str:
        """Add a commit to a module's branch and give its SCM URL."""
        repository = self.sources / "modules" / module
        return f"file://{repository}?#{commit_again(repository, '1')}"

    def builds(self) -> list[ModuleBuildRow]:
        """Give the builds that were submitted, the newest first."""
        return [row for row in self.registry.builds.find().items if row.nsvc.name != "platform"]


@pytest.fixture(scope="module")
def served(
    postgres_url: PostgresUrl, running_hub: RunningHub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The API with the platform of the examples, for anybody on this machine."""
    home = tmp_path_factory.mktemp("packager")
    with serve(postgres_url(), running_hub, home, Settings(auth=("no_auth",)), serving) as made:
        yield made


@contextmanager
def serve(
    database: str,
    running_hub: RunningHub,
    home: Path,
    settings: Settings,
    served_by: Callable[[FastAPI], AbstractContextManager[str]],
) -> Iterator[Served]:
    """Serve the API with the platform of the examples; who may come in is said by the settings."""
    if not PYTHON.exists():
        pytest.skip("`make clients` installs rpkg and its like")
    sources = home / "sources"
    publish(ROOT / "examples", sources)
    settings = replace(
        settings,
        scmurls=(f"file://{sources}/",),
        allow_local_scmurls=True,
        modules_allow_scratch=True,
        rebuild_strategy_allow_override=True,
        default_branch="main",
        rpms_default_repository=f"file://{sources}/rpms/",
        modules_default_repository=f"file://{sources}/modules/",
        koji_cg_tag_build=False,
    )
    engine = engine_for(database)
    registry = Registry(engine)
    found = read_import({"modulemd": PLATFORM.read_text()}, settings)
    register(found, "admin", registry=registry, settings=settings, skip_invalid=False)
    with served_by(application(registry, settings, running_hub.url)) as server:
        (home / "rpkg.conf").write_text(CONFIG.format(sources=sources, api=f"{server}{PREFIX}"))
        (home / ".koji").mkdir()
        (home / ".koji" / "config").write_text(KOJI.format(hub=running_hub.url))
        (home / ".gitconfig").write_text("[user]\n\tname = Pat\n\temail = pat@example.org\n[safe]\n\tdirectory = *\n")
        yield Served(f"{server}{PREFIX}", registry, sources, home)
    engine.dispose()
