"""Create the registry: module builds, components, their traces, messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("module_builds", "base_module_links", "component_builds", "module_traces", "component_traces", "messages")


def upgrade() -> None:
    """Create every table with its indexes."""
    _module_builds()
    _base_module_links()
    _component_builds()
    _module_traces()
    _component_traces()
    _messages()


def downgrade() -> None:
    """Drop every table."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _module_builds() -> None:
    op.create_table(
        "module_builds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Numeric(20, 0), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("build_context", sa.Text(), nullable=True),
        sa.Column("build_context_no_bms", sa.Text(), nullable=True),
        sa.Column("runtime_context", sa.Text(), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scratch", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rebuild_strategy", sa.Text(), nullable=False),
        sa.Column("scmurl", sa.Text(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("commit", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("koji_tag", sa.Text(), nullable=True),
        sa.Column("srpms", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("arches", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("virtual_streams", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("stream_version", sa.Double(), nullable=True),
        sa.Column("buildrequires", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("modulemd", sa.Text(), nullable=False),
        sa.Column("source_modulemd", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("plan_digest", sa.Text(), nullable=True),
        sa.Column("reuse_from_id", sa.BigInteger(), nullable=True),
        sa.Column("time_submitted", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("time_modified", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("time_completed", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state BETWEEN 0 AND 6", name="module_builds_state"),
        sa.ForeignKeyConstraint(["reuse_from_id"], ["module_builds.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "stream", "version", "context", name="module_builds_nsvc"),
    )
    _module_builds_indexes()


def _module_builds_indexes() -> None:
    op.create_index("module_builds_koji_tag", "module_builds", ["koji_tag"])
    op.create_index("module_builds_owner", "module_builds", ["owner", "id"])
    op.create_index(
        "module_builds_ready",
        "module_builds",
        ["name", "stream", sa.literal_column("version DESC"), "context"],
        postgresql_where=sa.text("state = 5"),
    )
    op.create_index(
        "module_builds_reuse_from",
        "module_builds",
        ["reuse_from_id"],
        postgresql_where=sa.text("reuse_from_id IS NOT NULL"),
    )
    op.create_index("module_builds_state_modified", "module_builds", ["state", "time_modified"])
    op.create_index("module_builds_time_completed", "module_builds", ["time_completed"])
    op.create_index("module_builds_time_modified", "module_builds", ["time_modified"])
    op.create_index("module_builds_time_submitted", "module_builds", ["time_submitted"])
    op.create_index(
        "module_builds_unfinished",
        "module_builds",
        ["id"],
        postgresql_where=sa.text("state = ANY (ARRAY[0, 1, 2]) OR (state = 3 AND NOT scratch)"),
    )
    op.create_index("module_builds_virtual_streams", "module_builds", ["virtual_streams"], postgresql_using="gin")


def _base_module_links() -> None:
    op.create_table(
        "base_module_links",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("base_module_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["base_module_id"], ["module_builds.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["build_id"], ["module_builds.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", "base_module_id"),
    )
    op.create_index("ix_base_module_links_base_module_id", "base_module_links", ["base_module_id"])


def _component_builds() -> None:
    op.create_table(
        "component_builds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("arches", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("buildonly", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("build_time_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("content_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=True),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("intent_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("koji_build_id", sa.BigInteger(), nullable=True),
        sa.Column("nvr", sa.Text(), nullable=True),
        sa.Column("tagged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tagged_in_final", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reused_from_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state BETWEEN 0 AND 4", name="component_builds_state"),
        sa.ForeignKeyConstraint(["build_id"], ["module_builds.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reused_from_id"], ["component_builds.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("build_id", "name", name="component_builds_name"),
    )
    op.create_index(
        "component_builds_building", "component_builds", ["build_id"], postgresql_where=sa.text("state = 0")
    )
    op.create_index("component_builds_nvr", "component_builds", ["nvr"])
    op.create_index(
        "component_builds_reused_from",
        "component_builds",
        ["reused_from_id"],
        postgresql_where=sa.text("reused_from_id IS NOT NULL"),
    )
    op.create_index("component_builds_task", "component_builds", ["task_id"])


def _module_traces() -> None:
    op.create_table(
        "module_traces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["module_builds.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("module_traces_build", "module_traces", ["build_id", "id"])


def _component_traces() -> None:
    op.create_table(
        "component_traces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("component_id", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["component_id"], ["component_builds.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("component_traces_component", "component_traces", ["component_id", "id"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("component_id", sa.BigInteger(), nullable=True),
        sa.Column("time", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["module_builds.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["component_id"], ["component_builds.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("messages_build", "messages", ["build_id", "id"])
    op.create_index(
        "messages_component", "messages", ["component_id", "id"], postgresql_where=sa.text("component_id IS NOT NULL")
    )
