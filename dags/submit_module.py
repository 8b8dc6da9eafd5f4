"""The form that submits a module."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from mbs.model.naming import SUBMIT_DAG, SUBMIT_TASK
from mbs.planning.fields import SUBMISSION
from operators.tasks.forms import SubmitModuleOperator, params, patience

PAGE = """\
Submits a module: the document is read and checked, its streams are expanded, and every resulting module build gets a
DAG of its own, which starts by itself.

Give **either** SCM URL and branch **or** a document. Whatever is wrong is said in the note of the run, all of it at
once, and then nothing is recorded and nothing is created in Koji.
"""

with DAG(
    SUBMIT_DAG,
    dag_display_name="Submit a module",
    description="Read, check and expand a modulemd, and start its module builds",
    doc_md=PAGE,
    schedule=None,
    catchup=False,
    tags={"module build service"},
    params=params(SUBMISSION),
):
    SubmitModuleOperator(
        task_id=SUBMIT_TASK, retries=3, retry_delay=timedelta(seconds=10), execution_timeout=patience()
    )
