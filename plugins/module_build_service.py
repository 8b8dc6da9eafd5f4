"""What this service adds to Airflow.

The only file here, under a name of its own: Airflow loads every file of this directory as a top-level module, so that
a `koji.py` would take the place of the library of that name.

Airflow loads its plugins before it forks workers and parsers. What they need of this service is therefore imported
here, once: it is two thirds of the processor time of a task that has to do it for itself.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from mbs.model.naming import PREFIX
from operators import (
    bundle,  # noqa: F401 - for the processes forked later, as said above
    graph,  # noqa: F401 - likewise
    scheduling,
    web,
)
from operators.links import KojiBuildLink, KojiLogsLink, KojiTaskLink
from operators.listeners import notes, runs, task_log


class ModuleBuildServicePlugin(AirflowPlugin):
    """Listeners and links of the module build service, and its REST API."""

    name = "module_build_service"
    listeners = [runs, notes, task_log, scheduling]  # noqa: RUF012 - declared as an instance's by Airflow, which reads it from the class
    fastapi_apps = [{"app": web.application, "url_prefix": PREFIX, "name": "Module Build Service"}]  # noqa: RUF012 - likewise
    operator_extra_links = [KojiTaskLink(), KojiBuildLink(), KojiLogsLink()]  # noqa: RUF012 - likewise
