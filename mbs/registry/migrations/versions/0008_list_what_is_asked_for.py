"""Let every filter of the API have its index, and keep the tag of the compose that a build is meant for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BUILDS, COMPONENTS = "module_builds", "component_builds"
TREES = (
    *((BUILDS, name, [name]) for name in ("stream", "version", "context")),
    *((BUILDS, name, [name]) for name in ("build_context", "build_context_no_bms", "runtime_context")),
    (BUILDS, "cg_build_koji_tag", ["cg_build_koji_tag"]),
    (BUILDS, "rebuild_strategy", ["rebuild_strategy", "id"]),
    (BUILDS, "scratch", ["scratch", "id"]),
    *((COMPONENTS, name, [name, "id"]) for name in ("state", "weight", "tagged", "tagged_in_final")),
    *((COMPONENTS, name, [name, "id"]) for name in ("build_time_only", "buildonly")),
    (COMPONENTS, "package", ["name", "id"]),
    (COMPONENTS, "ref", ["ref"]),
    (COMPONENTS, "batch", ["batch", "build_id"]),
)
HASHES = (
    *((BUILDS, name) for name in ("scmurl", "state_reason", "srpms", "modulemd")),
    *((COMPONENTS, name) for name in ("source", "state_reason")),
)
"""Texts of any length."""


def upgrade() -> None:
    """Add the column and the indices."""
    op.add_column(BUILDS, sa.Column("cg_build_koji_tag", sa.Text()))
    tag = "plan::jsonb #>> '{publication,candidate_tags,0}'"
    op.execute(f"UPDATE {BUILDS} SET cg_build_koji_tag = {tag} WHERE plan IS NOT NULL")  # noqa: S608 - constants
    for table, name, columns in TREES:
        op.create_index(f"{table}_{name}", table, columns)
    for table, name in HASHES:
        op.create_index(f"{table}_{name}", table, [name], postgresql_using="hash")
    some = sa.text("stream_version IS NOT NULL")
    op.create_index("module_builds_stream_version", BUILDS, ["stream_version"], postgresql_where=some)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("module_builds_stream_version")
    for table, name, *_ in (*HASHES, *TREES):
        op.drop_index(f"{table}_{name}")
    op.drop_column(BUILDS, "cg_build_koji_tag")
