"""The form that submits a module."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from mbs.model.naming import SUBMIT_DAG, SUBMIT_TASK
from operators.tasks.forms import SubmitModuleOperator, patience

PAGE = """\
Submits a module: the document is read and checked, its streams are expanded, and every resulting module build gets a
DAG of its own, which starts by itself.

Give **either** SCM URL and branch **or** a document. Whatever is wrong is said in the note of the run, all of it at
once, and then nothing is recorded and nothing is created in Koji.
"""

STREAMS = '`{"platform": ["f40"]}`: streams by the name of the module'

PARAMS = {
    "scmurl": Param(
        None,
        type=["null", "string"],
        title="SCM URL",
        description="`https://src.example.org/modules/greeter?#1a2b3c`: repository and commit",
    ),
    "branch": Param(
        None,
        type=["null", "string"],
        title="Branch",
        description="The branch that has this commit; it names the stream, also that of a document",
    ),
    "modulemd": Param(
        None,
        type=["null", "string"],
        format="multiline",
        title="Document",
        description="modulemd or modulemd-packager, as YAML, in place of an SCM URL",
    ),
    "module_name": Param(
        None,
        type=["null", "string"],
        title="Module name",
        description="For a document that names no module",
    ),
    "module_stream": Param(
        None,
        type=["null", "string"],
        title="Stream",
        description="For a document: in place of the stream it names",
    ),
    "scratch": Param(
        False,
        type="boolean",
        title="Scratch build",
        description="Build, but neither import nor tag the module for a compose",
        section="Options",
    ),
    "rebuild_strategy": Param(
        None,
        type=["null", "string"],
        enum=[None, "all", "changed-and-after", "only-changed"],
        title="Rebuild strategy",
        description="Which components are built anew; the others are taken from an earlier build",
        section="Options",
    ),
    "reuse_components_from": Param(
        None,
        type=["null", "string"],
        title="Reuse components from",
        description="The module build to reuse from: its number, or `name:stream:version:context`",
        section="Options",
    ),
    "owner": Param(
        None,
        type=["null", "string"],
        title="Owner",
        description="Whoever is logged in; another only for the users that a setting names",
        section="Options",
    ),
    "buildrequire_overrides": Param(
        {}, type=["null", "object"], title="Streams to build against", description=STREAMS, section="Overrides"
    ),
    "require_overrides": Param(
        {}, type=["null", "object"], title="Streams required at run time", description=STREAMS, section="Overrides"
    ),
    "rpm_component_ref_overrides": Param(
        {},
        type=["null", "object"],
        title="Refs of components",
        description='`{"libgreet": "main"}`: branch, tag or commit by component',
        section="Overrides",
    ),
    "side_tag": Param(
        None,
        type=["null", "string"],
        title="Side tag",
        description="Koji side tag of the base module to build in",
        section="Overrides",
    ),
}

with DAG(
    SUBMIT_DAG,
    dag_display_name="Submit a module",
    description="Read, check and expand a modulemd, and start its module builds",
    doc_md=PAGE,
    schedule=None,
    catchup=False,
    tags={"module build service"},
    params=PARAMS,
):
    SubmitModuleOperator(
        task_id=SUBMIT_TASK, retries=3, retry_delay=timedelta(seconds=10), execution_timeout=patience()
    )
