"""Where things are: directories, ports, URLs and the environment of every process."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.stack import StackProblem
from tools.stack.environment import of_the_machine
from tools.stack.hub import Hub

SOCKET_PATH_LIMIT = 107
"""Bytes of a UNIX socket's path that Linux takes."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports, all on 127.0.0.1."""

    ui: int = 8080
    devhub: int = 8765

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Ports:
        """Read MBS_UI_PORT and MBS_DEVHUB_PORT."""
        names = {field: f"MBS_{field.upper()}_PORT" for field in cls.__dataclass_fields__}
        return cls(**{field: _port(name, environ[name]) for field, name in names.items() if name in environ})

    def named(self) -> dict[str, int]:
        """Give every port with the variable that changes it."""
        return {f"MBS_{field.upper()}_PORT": getattr(self, field) for field in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Layout:
    """One stack: its AIRFLOW_HOME (airflow.cfg, dags/, plugins/), its ports and the hub that it builds in."""

    home: Path
    ports: Ports
    named_hub: Hub | None = None
    """A hub that is not the stack's own devhub."""
    sources_url: str = ""
    """Prefix of the examples' repositories for git and for the hub's builders; empty for file:// in var/examples."""
    devhub_options: tuple[str, ...] = ()
    """More words for `devhub serve`."""

    @property
    def var(self) -> Path:
        """Everything generated."""
        return self.home / "var"

    @property
    def postgres(self) -> Path:
        """Data and socket directory of PostgreSQL, as airflow.cfg names it."""
        return self.var / "postgres"

    @property
    def secrets(self) -> Path:
        """Generated keys and passwords."""
        return self.var / "secrets"

    @property
    def logs(self) -> Path:
        """One file per process; Airflow's task logs are in airflow/ below it."""
        return self.var / "log"

    @property
    def run(self) -> Path:
        """What is known of the processes that run."""
        return self.var / "stack"

    @property
    def devhub(self) -> Path:
        """State of the embedded hub."""
        return self.var / "devhub"

    @property
    def examples(self) -> Path:
        """Git repositories of the examples."""
        return self.var / "examples"

    @property
    def ui_url(self) -> str:
        """Airflow, for browsers and API clients."""
        return f"http://localhost:{self.ports.ui}"

    @property
    def hub(self) -> Hub:
        """The hub that the stack builds in."""
        return self.named_hub or Hub.devhub(self.ports.devhub)

    @property
    def sources(self) -> str:
        """Prefix of the URLs of the examples' repositories, with its slash."""
        return (self.sources_url or f"file://{self.examples}").rstrip("/") + "/"

    def database_url(self, database: str, driver: str = "psycopg2") -> str:
        """SQLAlchemy URL of a database of the embedded server."""
        return f"postgresql+{driver}://postgres@/{database}?host={self.postgres}"

    def check(self) -> None:
        """Refuse a home whose path is too long for PostgreSQL's socket, the longest of the stack's."""
        socket = self.postgres / ".s.PGSQL.5432"
        if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
            raise StackProblem(f"The path {socket} is too long for a socket. Move the checkout to a shorter path.")

    def environment(self) -> dict[str, str]:
        """Environment of every process of this stack: nothing of the shell's but what any program needs."""
        return of_the_machine(os.environ) | self.own_variables()

    def own_variables(self) -> dict[str, str]:
        """Give the variables that tell the processes about this stack."""
        return {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__PORT": str(self.ports.ui),
            "AIRFLOW__API__BASE_URL": self.ui_url,
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tools.stack.layout.this_machine",
            "MBS_DATABASE_URL": self.database_url("mbs"),
            "MBS_STACK": str(self.home),
            "MBS_DEVHUB_OPTIONS": shlex.join(self.devhub_options),
            **{name: str(port) for name, port in self.ports.named().items()},
            "PYTHONUNBUFFERED": "1",
        } | self._of_sources()

    def _of_sources(self) -> dict[str, str]:
        if not self.sources_url:
            return {}
        return {
            "AIRFLOW__MBS__SCMURLS": self.sources,
            "AIRFLOW__MBS__RPMS_DEFAULT_REPOSITORY": f"{self.sources}rpms/",
            "AIRFLOW__MBS__MODULES_DEFAULT_REPOSITORY": f"{self.sources}modules/",
        }


def checkout() -> Path:
    """Give the directory that holds airflow.cfg and this package."""
    return Path(__file__).resolve().parents[2]


def this_machine() -> str:
    """Name this machine as its own processes reach it, whatever its name is on the network."""
    return "localhost"


def layout(home: Path | None = None, ports: Ports | None = None) -> Layout:
    """Give the stack of this checkout, or of another home, as the environment describes it.

    AIRFLOW_HOME has no say: in a shell it may be that of a service in production.
    """
    environ = os.environ
    return Layout(
        home=home or Path(environ.get("MBS_STACK", checkout())).resolve(),
        ports=ports or Ports.from_environment(environ),
        named_hub=Hub.named(environ),
        sources_url=environ.get("MBS_SOURCES_URL", ""),
        devhub_options=tuple(shlex.split(environ.get("MBS_DEVHUB_OPTIONS", ""))),
    )


def _port(variable: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackProblem(f"{variable} is {text!r}; it must be a port, a number from 1 to 65535.")
    return int(text)
