"""DAG and task ids. They are an API: scripts, links and people's notes contain them."""

from __future__ import annotations

import re
from hashlib import sha256

from mbs.nsvc import NSVC
from mbs.taskids import batch_gate_id, component_gate_id, component_prefix, component_task_id, group_id

__all__ = ["batch_gate_id", "component_gate_id", "component_prefix", "component_task_id", "dag_id", "group_id"]

RECORD_FAILURE = "record_failure"
CREATE_TAG = "prepare.create_tag"
LINK_DEPENDENCIES = "prepare.link_dependencies"
REUSE_COMPONENTS = "prepare.reuse_components"
MACROS_BUILD = "macros.build.noarch"
MACROS_REPO = "macros.repo"
FINAL_MODULEMD = "publish.final_modulemd"
IMPORT_BUILD = "publish.import_build"
APPROVE = "publish.approve"
MARK_READY = "publish.mark_ready"

LONGEST = 200
"""Characters of a DAG id before its hash; Airflow takes 250, a file name a few more."""

FORMS = frozenset({"submit_module", "import_module"})
"""The DAGs that answer a form."""
NOTE = "mbs_note"
"""XCom key under which a task leaves what the run's note shall say when the run has ended."""


def dag_id(nsvc: NSVC) -> str:
    """Give the id of a module build's DAG: `name.stream.version.context`.

    Two builds never have the same. Where that is in danger (a dot in the name or the context, `+~^`, which Airflow does
    not take and `-` stands for, or a text that is too long) a hash follows, which no other id has in that place.
    """
    parts = f"{nsvc.name}.{nsvc.stream}.{nsvc.version}.{nsvc.context}"
    plain = _safe(parts, "-")
    if plain == parts and "." not in nsvc.name + nsvc.context and len(plain) <= LONGEST:
        return plain
    return f"{plain[:LONGEST]}.-{sha256(str(nsvc).encode()).hexdigest()[:16]}"


def _safe(text: str, substitute: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", substitute, text)
