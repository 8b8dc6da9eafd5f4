"""Bring databases and connections up to what the code expects; run with the stack's environment.

One process for all of it, because each `airflow` command costs seconds only to start.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from airflow.cli.cli_parser import get_parser
from sqlalchemy import create_engine

from mbs.registry.migrate import upgrade
from tools.stack.layout import Layout, layout


def main() -> None:
    """Do everything."""
    stack = layout()
    _airflow("db", "migrate")
    _migrate_registry(stack)
    _import("connections", connections(stack), "--overwrite")


def connections(stack: Layout) -> dict[str, dict[str, object]]:
    """Give the two connections that the service needs, for the embedded hub and the embedded database."""
    return {
        "koji_default": {
            "conn_type": "koji",
            "description": "The Koji hub",
            "host": f"{stack.hub_url}/kojihub",
            "login": "mbs",
            "password": "mbs",
            "extra": {"authentication": "password"},
        },
        "mbs_registry": {
            "conn_type": "postgres",
            "description": "The registry of module builds",
            "host": str(stack.postgres),
            "login": "postgres",
            "schema": "mbs",
        },
    }


def _migrate_registry(stack: Layout) -> None:
    engine = create_engine(stack.database_url("mbs"))
    upgrade(engine)
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
    main()
