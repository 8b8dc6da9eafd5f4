"""What is kept of module builds as text: plans, documents, and notes for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import delete, select
from sqlalchemy.orm import undefer

from mbs.model.errors import NotFound
from mbs.model.plan import BuildPlan, from_json
from mbs.registry.builds import stored
from mbs.registry.models import FinalDocument, Message, ModuleBuild
from mbs.registry.rows import DocumentRow, MessageRow, StoredPlan, nsvc_of
from mbs.registry.session import Group


class Documents(Group):
    """Plans and documents of module builds."""

    def plan(self, build_id: int) -> BuildPlan:
        """Give the plan of a submitted build; raise UnreadablePlan, or NotFound for one that was imported."""
        with self._session() as session:
            build = stored(session, build_id)
            if build.plan is None:
                msg = f"Module build {build_id} was imported, so it has no plan."
                raise NotFound(msg)
            return from_json(build.plan, build=f"{build_id} ({nsvc_of(build)})")

    def plans(self, ids: Sequence[int]) -> tuple[StoredPlan, ...]:
        """Give the plans (JSON, unread) and documents of several builds in one query; imported ones have none."""
        query = select(ModuleBuild).where(ModuleBuild.id.in_(ids), ModuleBuild.plan.is_not(None))
        texts = query.order_by(ModuleBuild.id).options(undefer(ModuleBuild.plan), undefer(ModuleBuild.modulemd))
        with self._session() as session:
            return tuple(
                StoredPlan(
                    build.id,
                    nsvc_of(build),
                    build.plan or "",
                    build.modulemd,
                    build.time_submitted,
                    build.time_restarted,
                )
                for build in session.scalars(texts)
            )

    def modulemd(self, build_id: int) -> str:
        """Give the expanded document, with `xmd.mbs`."""
        with self._session() as session:
            return stored(session, build_id).modulemd

    def source_modulemd(self, build_id: int) -> str | None:
        """Give what was submitted, verbatim; None for an import."""
        with self._session() as session:
            return stored(session, build_id).source_modulemd

    def final(self, build_id: int) -> tuple[DocumentRow, ...]:
        """Give the final documents of a build by name and arch; none before everything is built."""
        query = select(FinalDocument).where(FinalDocument.build_id == build_id)
        with self._session() as session:
            found = session.scalars(query.order_by(FinalDocument.name, FinalDocument.arch))
            return tuple(DocumentRow(row.name, row.arch, row.text) for row in found)

    def store_final(self, build_id: int, documents: Sequence[DocumentRow]) -> None:
        """Keep the final documents of a build in place of those that were kept before."""
        with self._session() as session:
            session.execute(delete(FinalDocument).where(FinalDocument.build_id == build_id))
            session.add_all(FinalDocument(build_id=build_id, **asdict(document)) for document in documents)


class Messages(Group):
    """Notes for people about module builds and their components."""

    def of(self, build_id: int, *, component_id: int | None = None) -> tuple[MessageRow, ...]:
        """Give the messages about a build, or about one of its components, newest first."""
        query = select(Message).where(Message.build_id == build_id).order_by(Message.id.desc())
        if component_id is not None:
            query = query.where(Message.component_id == component_id)
        with self._session() as session:
            return tuple(MessageRow(row.id, row.component_id, row.time, row.message) for row in session.scalars(query))

    def add(self, build_id: int, messages: Mapping[int | None, str]) -> None:
        """Leave messages by component id (None: about the build), except those that are there already."""
        query = select(Message.component_id, Message.message).where(Message.build_id == build_id)
        with self._session() as session:
            known = {(row.component_id, row.message) for row in session.execute(query)}
            session.add_all(
                Message(build_id=build_id, component_id=component_id, message=message)
                for component_id, message in messages.items()
                if (component_id, message) not in known
            )
