"""Bring databases and connections up to what the code expects; run with the stack's environment.

One process for all of it, because each `airflow` command costs seconds only to start. Standard input says what is
wanted: `{"connections": {ID: FIELDS}, "first_build": NUMBER}`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
from sqlalchemy import create_engine, text

from mbs.registry.migrate import upgrade
from tools.stack import StackProblem
from tools.stack.layout import Layout, layout

FIRST_BUILD = """\
SELECT setval(pg_get_serial_sequence('module_builds', 'id'), :number)
WHERE NOT EXISTS (SELECT 1 FROM module_builds)
"""


def main() -> None:
    """Do everything."""
    stack = layout()
    refuse_others_database(stack)
    wanted = json.load(sys.stdin)
    _airflow("db", "migrate")
    _migrate_registry(stack, wanted["first_build"])
    _import("connections", wanted["connections"], "--overwrite")


def refuse_others_database(stack: Layout) -> None:
    """Raise StackProblem where Airflow would work on another database than the stack's own."""
    for key, driver in (("sql_alchemy_conn", "psycopg2"), ("sql_alchemy_conn_async", "asyncpg")):
        if conf.get("database", key) != stack.database_url("airflow", driver):
            raise StackProblem(
                f"[database] {key} names a database that this stack did not create; nothing was done to it. Take the "
                f"change of airflow.cfg back, or run the stack in a checkout of its own."
            )


def _migrate_registry(stack: Layout, first_build: int) -> None:
    engine = create_engine(stack.database_url("mbs"))
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(FIRST_BUILD), {"number": first_build})
    engine.dispose()


def _import(kind: str, content: object, *options: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, f"{kind}.json")
        file.touch(mode=0o600)
        file.write_text(json.dumps(content))
        _airflow(kind, "import", *options, str(file))


def _airflow(*words: str) -> None:
    arguments = get_parser().parse_args(words)
    arguments.func(arguments)


if __name__ == "__main__":
    try:
        main()
    except StackProblem as problem:
        sys.exit(str(problem))
