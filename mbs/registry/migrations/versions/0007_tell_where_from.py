"""Keep how it is known who changed a module build's state, and from where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("module_traces", sa.Column("origin", sa.Text()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("module_traces", "origin")
