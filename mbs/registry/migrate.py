"""Bringing a database to the tables that this code needs; the migrations are part of the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from mbs.registry.session import known_when_unavailable

VERSION_TABLE = "registry_version"
"""Not Alembic's default name, so that a database shared with Airflow by mistake is not taken for migrated."""

_ONE_AT_A_TIME = 0x6D62735F6462
"""Key of the advisory lock under which migrations run."""


def upgrade(engine: Engine) -> str:
    """Migrate to the newest revision and give it; several processes may call it at once. Raises RegistryUnavailable."""
    with known_when_unavailable(), engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
        command.upgrade(config(connection), "head")
        return current(connection) or ""


def current(connection: Connection) -> str | None:
    """Give the revision of the database; None for an empty one."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def is_current(engine: Engine) -> bool:
    """Say whether the database has the tables that this code needs."""
    with known_when_unavailable(), engine.connect() as connection:
        return current(connection) == ScriptDirectory.from_config(config(connection)).get_current_head()


def config(connection: Connection) -> Config:
    """Give Alembic's configuration for the packaged migrations, on a connection."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    found.set_main_option("path_separator", "os")
    found.attributes["connection"] = connection
    return found
