"""Keep the final documents of module builds: what is imported into Koji, and what people may read without Koji."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; its primary key is the one index that is needed."""
    op.create_table(
        "final_documents",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arch", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["module_builds.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", "name", "arch"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("final_documents")
