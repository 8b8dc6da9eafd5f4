"""The registry behind an Airflow connection; one per process."""

from __future__ import annotations

import os
from functools import lru_cache

from airflow.providers.postgres.hooks.postgres import PostgresHook

from mbs.registry.registry import Registry, engine_for

CONNECTION = "mbs_registry"


def registry(conn_id: str = CONNECTION) -> Registry:
    """Give this process's registry; a forked process gets one of its own."""
    return _of_process(conn_id, os.getpid())


@lru_cache(maxsize=4)
def _of_process(conn_id: str, pid: int) -> Registry:  # noqa: ARG001 - the pid is only a part of the cache's key
    url = PostgresHook(postgres_conn_id=conn_id).sqlalchemy_url
    if url.host is not None and url.host.startswith("/"):
        url = url.set(host="").update_query_dict({"host": url.host})  # a socket's directory is no part of a URL's text
    return Registry(engine_for(url.render_as_string(hide_password=False)))
