"""Bring databases, pools and connections up to what the code expects; run with the stack's environment.

One process for all of it, because each `airflow` command costs seconds only to start.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

from airflow.cli.cli_parser import get_parser
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from sqlalchemy import create_engine

from mbs.registry.migrate import upgrade
from tools.stack.layout import Layout, layout


class PoolShape(TypedDict):
    """What a pool is created with."""

    slots: int
    description: str


POOLS: dict[str, PoolShape] = {
    "koji_builds": {
        "slots": 20,
        "description": "Arch builds that the service keeps in Koji at a time, of all modules together.",
    },
}
"""By name. A deferred task keeps its slot: that is what makes them a bound on Koji and not on workers."""


def main() -> None:
    """Do everything, or only create the pools with the argument `pools`."""
    stack = layout()
    if sys.argv[1:] != ["pools"]:
        _airflow("db", "migrate")
        _migrate_registry(stack)
        _import("connections", connections(stack), "--overwrite")
    create_pools()


def create_pools() -> None:
    """Create the pools that are missing; the size of one that exists is its administrator's."""
    with create_session() as session:
        for name, pool in POOLS.items():
            if Pool.get_pool(name, session=session) is None:
                Pool.create_or_update_pool(
                    name, pool["slots"], pool["description"], include_deferred=True, session=session
                )


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
