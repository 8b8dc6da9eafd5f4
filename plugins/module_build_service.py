"""What this service adds to Airflow.

The only file here, under a name of its own: Airflow loads every file of this directory as a top-level module, so that
a `koji.py` would take the place of the library of that name.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from operators import listener, notes


class ModuleBuildServicePlugin(AirflowPlugin):
    """Listeners of the module build service."""

    name = "module_build_service"
    listeners = [listener, notes]  # noqa: RUF012 - declared as an instance's by Airflow, which reads it from the class
