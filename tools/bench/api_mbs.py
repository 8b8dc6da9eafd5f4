"""The front end of MBS 3.9.2 over the same builds, to be measured beside ours. It is only run, from a place of its own.

FRONT_END_OF_MBS names a Python that has it: a virtual environment with the sdist `module-build-service==3.9.2` of PyPI,
Flask < 2, SQLAlchemy < 1.4, gunicorn, and the libraries of the system that it asks for (libmodulemd, libsolv, rpm).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

THREADS = 8

_CONFIG = """
class ProdConfiguration(object):
    DEBUG = False
    SECRET_KEY = "none"
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_DATABASE_URI = "{url}"
    NO_AUTH = True
    SYSTEM = "koji"
    MESSAGING = "in_memory"
    RESOLVER = "db"
    KOJI_CONFIG = "{koji}"
    KOJI_PROFILE = "bench"
    LOG_LEVEL = "error"
"""
_KOJI = "[bench]\nserver = {hub}\nauthtype = noauth\n"

_TABLES = "from module_build_service import db; db.create_all()"

_FILL = """
INSERT INTO mbs.module_builds SELECT id, name, stream, version::text, build_context, build_context_no_bms,
    runtime_context, context, state, state_reason, modulemd, koji_tag, cg_build_koji_tag, scmurl, scratch, '[]', owner,
    time_submitted, time_modified, time_completed, NULL, rebuild_strategy, reuse_from_id, 3, stream_version
    FROM public.module_builds;
INSERT INTO mbs.component_builds SELECT id, name, source, 'rpms', task_id, ref, state, state_reason, nvr, tagged,
    tagged_in_final, build_time_only, buildonly, batch + 1, build_id, NULL, weight FROM public.component_builds;
INSERT INTO mbs.module_builds_to_module_buildrequires SELECT build_id, base_module_id FROM public.base_module_links;
INSERT INTO mbs.module_arches VALUES (1, 'x86_64'), (2, 'aarch64');
INSERT INTO mbs.module_builds_to_arches SELECT id, arch FROM public.module_builds, generate_series(1, 2) AS arch;
INSERT INTO mbs.module_builds_trace SELECT id, build_id, time, state, reason FROM public.module_traces;
INSERT INTO mbs.component_builds_trace SELECT id, component_id, time, state, reason, task_id
    FROM public.component_traces
"""


@contextmanager
def front_end(python: str, engine: Engine, hub_url: str, port: int, home: Path) -> Iterator[str]:
    """Serve MBS's front end in one process of as many threads as there are clients; gives its URL."""
    (home / "conf").mkdir(parents=True)
    for name in ("mock.cfg", "yum.conf"):  # of a builder that is not used, and looked for all the same
        (home / "conf" / name).touch()
    koji, config = home / "koji.conf", home / "config.py"
    koji.write_text(_KOJI.format(hub=hub_url))
    url = engine.url.set(drivername="postgresql+psycopg2").update_query_dict({"options": "-csearch_path=mbs"})
    config.write_text(_CONFIG.format(url=url.render_as_string(hide_password=False), koji=koji))
    surroundings = {**os.environ, "MBS_CONFIG_FILE": str(config), "MBS_CONFIG_SECTION": "ProdConfiguration"}
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA mbs"))
    subprocess.run([python, "-c", _TABLES], env=surroundings, cwd=home, check=True, capture_output=True)
    with engine.begin() as connection:
        connection.execute(text(_FILL))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    options = ["--workers", "1", "--threads", str(THREADS), "--bind", f"127.0.0.1:{port}"]
    command = [python, "-m", "gunicorn", *options, "module_build_service:app"]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(command, env=surroundings, cwd=home, stdout=log, stderr=log) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}/module-build-service/"
        finally:
            process.terminate()
