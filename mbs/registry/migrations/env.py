"""Alembic's entry: runs the migrations on the connection that `mbs.registry.migrate` hands in."""

from __future__ import annotations

from alembic import context

from mbs.registry.migrate import VERSION_TABLE
from mbs.registry.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
