"""Where things are: directories, ports, URLs and the environment of every process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tools.stack.problem import StackProblem

SOCKET_PATH_LIMIT = 107
"""Bytes of a UNIX socket's path that Linux takes."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports, all on 127.0.0.1."""

    ui: int = 8080
    devhub: int = 8765
    worker_log: int = 8793
    trigger_log: int = 8794

    @classmethod
    def from_environment(cls) -> Ports:
        """Read MBS_UI_PORT, MBS_DEVHUB_PORT, MBS_WORKER_LOG_PORT and MBS_TRIGGER_LOG_PORT."""
        names = {field: f"MBS_{field.upper()}_PORT" for field in cls.__dataclass_fields__}
        return cls(**{field: _port(name) for field, name in names.items() if name in os.environ})

    def named(self) -> dict[str, int]:
        """Give every port with the variable that changes it."""
        return {f"MBS_{field.upper()}_PORT": getattr(self, field) for field in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Layout:
    """One stack: its AIRFLOW_HOME (airflow.cfg, dags/, plugins/) and its ports."""

    home: Path
    ports: Ports

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
    def pids(self) -> Path:
        """One file per process that runs."""
        return self.var / "run"

    @property
    def devhub(self) -> Path:
        """State of the embedded hub."""
        return self.var / "devhub"

    @property
    def ui_url(self) -> str:
        """Airflow, for browsers and API clients."""
        return f"http://localhost:{self.ports.ui}"

    @property
    def hub_url(self) -> str:
        """The embedded hub, without a path."""
        return f"http://127.0.0.1:{self.ports.devhub}"

    def database_url(self, database: str) -> str:
        """SQLAlchemy URL of a database of the embedded server."""
        return f"postgresql+psycopg2://postgres@/{database}?host={self.postgres}"

    def check(self) -> None:
        """Refuse a home whose path is too long for PostgreSQL's socket."""
        socket = self.postgres / ".s.PGSQL.5432"
        if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
            raise StackProblem(f"The path {socket} is too long for a socket. Move the checkout to a shorter path.")

    def environment(self) -> dict[str, str]:
        """Environment of every process of this stack."""
        return os.environ | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__PORT": str(self.ports.ui),
            "AIRFLOW__API__BASE_URL": self.ui_url,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.ports.worker_log),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.ports.trigger_log),
            "MBS_DATABASE_URL": self.database_url("mbs"),
            "MBS_STACK": str(self.home),
            **{name: str(port) for name, port in self.ports.named().items()},
            "PYTHONUNBUFFERED": "1",
        }


def checkout() -> Path:
    """Give the directory that holds airflow.cfg and this package."""
    return Path(__file__).resolve().parents[2]


def layout() -> Layout:
    """Give the stack of this checkout, or of AIRFLOW_HOME where it is set."""
    return Layout(Path(os.environ.get("AIRFLOW_HOME", checkout())).resolve(), Ports.from_environment())


def _port(variable: str) -> int:
    text = os.environ[variable]
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackProblem(f"{variable} is {text!r}; it must be a port, a number from 1 to 65535.")
    return int(text)
