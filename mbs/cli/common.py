"""What the subcommands share: the registry they ask, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from mbs.errors import InvalidRequest, MbsError, Refused
from mbs.registry import Registry, engine_for
from mbs.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


def told(command: Callable[P, T]) -> Callable[P, T]:
    """Tell errors of ours as lines for people, without a traceback, and end with status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except Refused as refused:
            for problem in refused.problems:
                click.echo(str(problem), err=True)
        except MbsError as error:
            click.echo(str(error), err=True)
        raise SystemExit(1)

    return run


def registry_of(settings: Settings) -> Registry:
    """Connect to the registry; without an address the user is told where to put one."""
    if not settings.database_url:
        msg = (
            "There is no registry to ask. Set MBS_DATABASE_URL, or database_url in section [mbs] of airflow.cfg, to "
            "the URL of its PostgreSQL database."
        )
        raise InvalidRequest(msg)
    return Registry(engine_for(settings.database_url))
