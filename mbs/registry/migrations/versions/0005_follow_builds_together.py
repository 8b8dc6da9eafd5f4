"""Know who submits a component, what each arch follows, and what a module build can have in Koji."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of what was begun earlier nothing is known, so Koji is asked."""
    op.add_column(
        "module_builds", sa.Column("has_new_tags", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("module_builds", sa.Column("repo_id", sa.BigInteger(), nullable=True))
    op.add_column("component_builds", sa.Column("claimed_by", sa.Text(), nullable=True))
    op.add_column("component_builds", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("component_builds", sa.Column("followed", JSONB(), server_default=sa.text("'{}'"), nullable=False))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("followed", "claimed_at", "claimed_by"):
        op.drop_column("component_builds", name)
    for name in ("repo_id", "has_new_tags"):
        op.drop_column("module_builds", name)
