"""Builds modules again when what they are built against has a new build; only where the settings ask for it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from operators.hooks import READY_MODULES, settings
from operators.tasks.forms import patience
from operators.tasks.upkeep import AT_ONCE, RebuildDependantsOperator

PAGE = f"""\
Runs when module builds become ready, and submits the modules that are built against an older build of such a stream:
the same document and the same commits. At most {AT_ONCE} at once, none that is being built already, and none that the
ready module needs itself. Switched on by the setting `rebuild_dependants`.
"""

if settings().rebuild_dependants:
    with DAG(
        "rebuild_dependants",
        dag_display_name="Rebuild dependants",
        description="Build modules again when what they are built against has a new build",
        doc_md=PAGE,
        schedule=[READY_MODULES],
        catchup=False,
        max_active_runs=1,
        tags={"module build service"},
    ):
        RebuildDependantsOperator(
            task_id="submit", retries=3, retry_delay=timedelta(minutes=1), execution_timeout=patience(AT_ONCE)
        )
