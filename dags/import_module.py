"""The form that registers a base module, or a module that was finished elsewhere."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from operators.tasks.forms import ImportModuleOperator, patience

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
    params={
        "scmurl": Param(
            None,
            type=["null", "string"],
            title="SCM URL",
            description="`https://src.example.org/modules/platform?#1a2b3c`: repository and commit",
        ),
        "modulemd": Param(
            None, type=["null", "string"], format="multiline", title="Documents", description="modulemd, as YAML"
        ),
        "koji_tag_template": Param(
            None,
            type=["null", "string"],
            title="Template of the Koji tag",
            description="Fills in what published documents lack: the Koji tag, "
            "`module-{name}-{stream}-{version}-{context}`, and from their dependencies what they were built against",
        ),
        "skip_invalid": Param(
            False,
            type="boolean",
            title="Skip bad documents",
            description="Register the others, and tell what was skipped",
        ),
    },
):
    ImportModuleOperator(task_id="import", retries=3, retry_delay=timedelta(seconds=10), execution_timeout=patience())
