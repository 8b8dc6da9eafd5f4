"""The tables of the registry (MBS §2.2, cleaned up), for PostgreSQL.

Sets that are only ever read whole (arches, virtual streams) are arrays; what is counted, joined or locked has rows.
Times are timestamps with time zone. Every query of this package has its index here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from mbs.model.states import ComponentState, ModuleState

E = TypeVar("E", bound=IntEnum)

TRANSACTION = "pg_current_xact_id()::text::bigint"
"""The number of the transaction that writes a row."""


class Version(TypeDecorator[int]):
    """A module's version: an unsigned 64-bit integer, for which PostgreSQL's BIGINT is one bit short."""

    impl = Numeric(20, 0)
    cache_ok = True

    def process_result_value(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give a plain int."""
        return None if value is None else int(value)


class StateCode(TypeDecorator[E], Generic[E]):
    """An enum of states, stored as the code that the API shows."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, states: type[E]) -> None:
        """Take the enum."""
        super().__init__()
        self.states = states
        self._by_code = {int(state): state for state in states}

    def process_bind_param(self, value: E | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Store the code."""
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> E | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give the enum."""
        return None if value is None else self._by_code[value]


MODULE_STATE = StateCode(ModuleState)
COMPONENT_STATE = StateCode(ComponentState)
TIME = DateTime(timezone=True)

UNFINISHED_SQL = "state = ANY (ARRAY[0, 1, 2]) OR (state = 3 AND NOT scratch)"
"""The builds that something still has to happen to; a query and its partial index have to say it alike."""


class Base(DeclarativeBase):
    """Base of all tables."""


class ModuleBuild(Base):
    """A module build: submitted here, or imported."""

    __tablename__ = "module_builds"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    stream: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Version)
    context: Mapped[str] = mapped_column(Text)
    build_context: Mapped[str | None] = mapped_column(Text)
    build_context_no_bms: Mapped[str | None] = mapped_column(Text)
    runtime_context: Mapped[str | None] = mapped_column(Text)
    state: Mapped[ModuleState] = mapped_column(MODULE_STATE)
    state_reason: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    scratch: Mapped[bool] = mapped_column(server_default=text("false"))
    rebuild_strategy: Mapped[str] = mapped_column(Text)
    scmurl: Mapped[str | None] = mapped_column(Text)
    branch: Mapped[str | None] = mapped_column(Text)
    commit: Mapped[str] = mapped_column(Text, server_default=text("''"))
    koji_tag: Mapped[str | None] = mapped_column(Text)
    cg_build_koji_tag: Mapped[str | None] = mapped_column(Text)
    """The tag of the compose that its import is meant for, the first choice; None for what is not tagged."""
    srpms: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    arches: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    virtual_streams: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    stream_version: Mapped[float | None]
    """Of base modules only, padded to x.y.z (MBS §7.3)."""
    buildrequires: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """`xmd.mbs.buildrequires` of the document."""
    modulemd: Mapped[str] = mapped_column(Text, deferred=True)
    source_modulemd: Mapped[str | None] = mapped_column(Text, deferred=True)
    plan: Mapped[str | None] = mapped_column(Text, deferred=True)
    """The BuildPlan as canonical JSON; text, because its bytes count. None for imported modules."""
    plan_digest: Mapped[str | None] = mapped_column(Text)
    """SHA-256 of the plan: what a reader compares to learn whether the plan is another one."""
    reuse_from_id: Mapped[int | None] = mapped_column(ForeignKey("module_builds.id", ondelete="SET NULL"))
    time_submitted: Mapped[datetime] = mapped_column(TIME, server_default=func.now())
    time_modified: Mapped[datetime] = mapped_column(TIME, server_default=func.now())
    time_completed: Mapped[datetime | None] = mapped_column(TIME)
    time_restarted: Mapped[datetime | None] = mapped_column(TIME)
    """When it was asked for again (a resubmission, or a lost run); its DAG gets a run of that time."""
    has_new_tags: Mapped[bool] = mapped_column(server_default=text("false"))
    """Koji had none of its tags when it began: what is built for it is in the registry, or below an intent."""
    repo_id: Mapped[int | None] = mapped_column(BigInteger)
    """The newest repository of its build tag that a gate has waited for."""

    __table_args__ = (
        UniqueConstraint("name", "stream", "version", "context", name="module_builds_nsvc"),
        CheckConstraint("state BETWEEN 0 AND 6", name="module_builds_state"),
        # Ready builds by stream: what expansion and reuse ask for, newest first.
        Index(
            "module_builds_ready",
            "name",
            "stream",
            text("version DESC"),
            "context",
            postgresql_where=text("state = 5"),
        ),
        # Unfinished builds: what the DAG bundle asks for; a handful of rows among many.
        Index("module_builds_unfinished", "id", postgresql_where=text(UNFINISHED_SQL)),
        Index("module_builds_state_modified", "state", "time_modified"),
        Index("module_builds_koji_tag", "koji_tag"),
        Index("module_builds_owner", "owner", "id"),
        Index("module_builds_time_submitted", "time_submitted"),
        Index("module_builds_time_modified", "time_modified"),
        Index("module_builds_time_completed", "time_completed"),
        Index("module_builds_virtual_streams", "virtual_streams", postgresql_using="gin"),
        Index("module_builds_reuse_from", "reuse_from_id", postgresql_where=text("reuse_from_id IS NOT NULL")),
        # What the API may be asked for besides (`mbs.registry.filters`).
        *(
            Index(f"module_builds_{name}", name)
            for name in ("stream", "version", "context", "build_context", "build_context_no_bms", "runtime_context")
        ),
        Index("module_builds_cg_build_koji_tag", "cg_build_koji_tag"),
        Index("module_builds_scmurl", "scmurl", postgresql_using="hash"),
        Index("module_builds_rebuild_strategy", "rebuild_strategy", "id"),
        Index("module_builds_scratch", "scratch", "id"),
        Index("module_builds_state_reason", "state_reason", postgresql_using="hash"),
        Index("module_builds_srpms", "srpms", postgresql_using="hash"),
        Index("module_builds_modulemd", "modulemd", postgresql_using="hash"),
        Index("module_builds_stream_version", "stream_version", postgresql_where=text("stream_version IS NOT NULL")),
    )


class Submission(Base):
    """What became of a submission that names itself, so that it is recorded once however often it is asked for."""

    __tablename__ = "submissions"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    time: Mapped[datetime] = mapped_column(TIME, server_default=func.clock_timestamp())
    outcomes: Mapped[list[list[Any]]] = mapped_column(JSONB)
    """Id of each module build, and what became of it (`Outcome`), in the order of the contexts."""


class BaseModuleLink(Base):
    """That a module build was built against a registered base module."""

    __tablename__ = "base_module_links"

    build_id: Mapped[int] = mapped_column(ForeignKey("module_builds.id", ondelete="CASCADE"), primary_key=True)
    base_module_id: Mapped[int] = mapped_column(
        ForeignKey("module_builds.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class ComponentBuild(Base):
    """A component of a module build; batch 0 is module-build-macros."""

    __tablename__ = "component_builds"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    build_id: Mapped[int] = mapped_column(ForeignKey("module_builds.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    ref: Mapped[str | None] = mapped_column(Text)
    batch: Mapped[int]
    weight: Mapped[float] = mapped_column(server_default=text("0"))
    arches: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    buildonly: Mapped[bool] = mapped_column(server_default=text("false"))
    build_time_only: Mapped[bool] = mapped_column(server_default=text("false"))
    """In the build tag only, never in the module (the macros)."""
    content_id: Mapped[str] = mapped_column(Text, server_default=text("''"))
    state: Mapped[ComponentState | None] = mapped_column(COMPONENT_STATE)
    state_reason: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    """How often a submission to Koji was intended."""
    intent_time: Mapped[datetime | None] = mapped_column(TIME)
    """When a submission to Koji was about to be made; set while its outcome is not recorded."""
    claimed_by: Mapped[str | None] = mapped_column(Text)
    """Who makes that submission, or looks for it in Koji; others let him for a while."""
    claimed_at: Mapped[datetime | None] = mapped_column(TIME)
    task_id: Mapped[int | None] = mapped_column(BigInteger)
    koji_build_id: Mapped[int | None] = mapped_column(BigInteger)
    nvr: Mapped[str | None] = mapped_column(Text)
    tagged: Mapped[bool] = mapped_column(server_default=text("false"))
    """In the build tag."""
    tagged_in_final: Mapped[bool] = mapped_column(server_default=text("false"))
    """In the module's own tag."""
    reused_from_id: Mapped[int | None] = mapped_column(ForeignKey("component_builds.id", ondelete="SET NULL"))
    followed: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSONB, server_default=text("'{}'"))
    """By arch, what its task has followed last (`rows.Followed`)."""

    __table_args__ = (
        UniqueConstraint("build_id", "name", name="component_builds_name"),
        CheckConstraint("state BETWEEN 0 AND 4", name="component_builds_state"),
        Index("component_builds_task", "task_id"),
        Index("component_builds_nvr", "nvr"),
        Index("component_builds_building", "build_id", postgresql_where=text("state = 0")),
        Index("component_builds_reused_from", "reused_from_id", postgresql_where=text("reused_from_id IS NOT NULL")),
        # What the API may be asked for besides (`mbs.registry.filters`).
        *(
            Index(f"component_builds_{name}", name, "id")
            for name in ("state", "weight", "tagged", "tagged_in_final", "build_time_only", "buildonly")
        ),
        Index("component_builds_package", "name", "id"),
        Index("component_builds_source", "source", postgresql_using="hash"),
        Index("component_builds_ref", "ref"),
        Index("component_builds_batch", "batch", "build_id"),
        Index("component_builds_state_reason", "state_reason", postgresql_using="hash"),
    )


class ModuleTrace(Base):
    """One change of a module build's state."""

    __tablename__ = "module_traces"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    build_id: Mapped[int] = mapped_column(ForeignKey("module_builds.id", ondelete="CASCADE"))
    time: Mapped[datetime] = mapped_column(TIME, server_default=func.clock_timestamp())
    state: Mapped[ModuleState] = mapped_column(MODULE_STATE)
    reason: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    origin: Mapped[str | None] = mapped_column(Text)
    """How it is known who that was, and from where (`mbs.model.users.User.origin`)."""

    transaction: Mapped[int | None] = mapped_column(BigInteger, server_default=text(TRANSACTION))
    """In which it was written (`mbs.registry.events`); None for what was before there was this column."""

    __table_args__ = (
        Index("module_traces_build", "build_id", "id"),
        Index("module_traces_transaction", "transaction", "id"),
    )


class ComponentTrace(Base):
    """One change of a component's state."""

    __tablename__ = "component_traces"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    component_id: Mapped[int] = mapped_column(ForeignKey("component_builds.id", ondelete="CASCADE"))
    time: Mapped[datetime] = mapped_column(TIME, server_default=func.clock_timestamp())
    state: Mapped[ComponentState | None] = mapped_column(COMPONENT_STATE)
    reason: Mapped[str | None] = mapped_column(Text)
    task_id: Mapped[int | None] = mapped_column(BigInteger)

    transaction: Mapped[int | None] = mapped_column(BigInteger, server_default=text(TRANSACTION))

    __table_args__ = (
        Index("component_traces_component", "component_id", "id"),
        Index("component_traces_transaction", "transaction", "id"),
    )


class FinalDocument(Base):
    """A document of a finished module: of one arch, or `noarch` for the one without (§16.1)."""

    __tablename__ = "final_documents"

    build_id: Mapped[int] = mapped_column(ForeignKey("module_builds.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    """The module, or its -devel twin."""
    arch: Mapped[str] = mapped_column(Text, primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class Message(Base):
    """A note about a module build or one of its components, for people: why something was (not) reused, and so on."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    build_id: Mapped[int] = mapped_column(ForeignKey("module_builds.id", ondelete="CASCADE"))
    component_id: Mapped[int | None] = mapped_column(ForeignKey("component_builds.id", ondelete="CASCADE"))
    time: Mapped[datetime] = mapped_column(TIME, server_default=func.clock_timestamp())
    message: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        Index("messages_build", "build_id", "id"),
        Index("messages_component", "component_id", "id", postgresql_where=text("component_id IS NOT NULL")),
    )
