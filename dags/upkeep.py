"""The periodic care of Koji and the registry."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from operators.tasks import upkeep

PAGE = """\
Tidies up what is old, stuck or lost. Nothing of it is needed for a module build to go on as it should.

* `delete_old_targets`: Koji targets of builds that are over. Tags stay.
* `collect_failed_builds`: builds that failed long ago are untagged and become garbage.
* `cancel_stuck_builds`: builds that nothing has happened to for long are canceled.
* `restart_lost_builds`: unfinished builds without a run in Airflow get one.
* `settle_components`: what Koji did for components while nobody looked is recorded; what still runs is canceled.

The ages are settings. A run that is started by hand with `dry_run` only says what it would do.
"""

with DAG(
    "upkeep",
    dag_display_name="Upkeep",
    description="Tidy up what is old, stuck or lost in Koji and the registry",
    doc_md=PAGE,
    schedule=timedelta(hours=1),
    catchup=False,
    max_active_runs=1,
    tags={"module build service"},
    params={
        upkeep.DRY_RUN: Param(False, type="boolean", title="Dry run", description="Only say what would be done"),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "execution_timeout": timedelta(minutes=30)},
):
    upkeep.CancelStuckBuildsOperator(task_id="cancel_stuck_builds")
    upkeep.RestartLostBuildsOperator(task_id="restart_lost_builds")
    upkeep.SettleComponentsOperator(task_id="settle_components")
    upkeep.CollectFailedBuildsOperator(task_id="collect_failed_builds")
    upkeep.DeleteOldTargetsOperator(task_id="delete_old_targets")
