"""The form that registers a base module, or a module that was finished elsewhere."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from mbs.planning.fields import IMPORT
from operators.tasks.forms import ImportModuleOperator, params, patience

PAGE = """\
Registers a finished module: a base module (`platform`) before the first build against it, or a module that another
service has built. Registering the same name, stream, version and context again replaces what is known about it.

Give **either** the SCM URL of the document **or** the document itself, or many of them, as a distribution's
`modules.yaml` has. Whatever is wrong is said in the note of the run, and then nothing is registered, unless bad
documents are to be skipped.
"""

with DAG(
    "import_module",
    dag_display_name="Import a module",
    description="Register a base module, or a module that was finished elsewhere",
    doc_md=PAGE,
    schedule=None,
    catchup=False,
    tags={"module build service"},
    params=params(IMPORT),
):
    ImportModuleOperator(task_id="import", retries=3, retry_delay=timedelta(seconds=10), execution_timeout=patience())
