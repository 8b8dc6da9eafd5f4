"""The registry as the source of registered modules for stream expansion."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Engine, and_, func, select

from mbs.model.naming import NOARCH
from mbs.model.nsvc import NSVC
from mbs.model.registered import StoredModule
from mbs.model.states import ModuleState
from mbs.registry.models import FinalDocument, ModuleBuild
from mbs.registry.rows import ModuleBuildRow, module_build_row
from mbs.registry.session import transaction


class RegistryStore:
    """A `ModuleStore` over the registry."""

    def __init__(self, engine: Engine, base_module_names: Iterable[str]) -> None:
        """Take the registry's engine and the names of the base modules."""
        self._engine = engine
        self._base_module_names = tuple(base_module_names)

    def streams(self, name: str) -> tuple[str, ...]:
        """Give the streams of `name` with at least one ready build, sorted."""
        query = select(ModuleBuild.stream).where(ModuleBuild.name == name, _READY).distinct()
        with transaction(self._engine) as session:
            return tuple(sorted(session.scalars(query)))

    def builds(self, name: str, stream: str) -> tuple[StoredModule, ...]:
        """Give the ready builds of `name:stream`, newest version first.

        Of the versions that were built against the same base modules only the newest can ever be chosen (§8.2); the
        older ones, which pile up by the hundred, are left out.
        """
        rows = self._rows(ModuleBuild.name == name, ModuleBuild.stream == stream, _READY)
        newest: dict[tuple[NSVC, ...], int] = {}
        for row in rows:
            newest.setdefault(self._bases(row), row.nsvc.version)
        return self._modules([row for row in rows if row.nsvc.version == newest[self._bases(row)]])

    def base_modules(self, name: str) -> tuple[StoredModule, ...]:
        """Give the newest build of every stream, ready ones first choice, highest stream version first."""
        rows = self._rows(ModuleBuild.name == name, _READY | _RETIRED)
        newest: dict[str, ModuleBuildRow] = {}
        for row in sorted(rows, key=lambda row: row.state is not ModuleState.READY):
            newest.setdefault(row.nsvc.stream, row)
        by_number = sorted(newest.values(), key=lambda row: (-(row.stream_version or 0.0), row.nsvc.stream))
        return self._modules(by_number)

    def _rows(self, *conditions: ColumnElement[bool]) -> list[ModuleBuildRow]:
        query = select(ModuleBuild).where(*conditions)
        with transaction(self._engine) as session:
            found = session.scalars(query.order_by(ModuleBuild.version.desc(), ModuleBuild.context))
            return [module_build_row(build) for build in found]

    def _bases(self, row: ModuleBuildRow) -> tuple[NSVC, ...]:
        names = (name for name in self._base_module_names if name in row.buildrequires)
        return tuple(row.buildrequires[name].nsvc for name in names)

    def _modules(self, rows: list[ModuleBuildRow]) -> tuple[StoredModule, ...]:
        texts = self._texts([row.id for row in rows])
        return tuple(_stored(row, texts[row.id]) for row in rows)

    def _texts(self, ids: list[int]) -> dict[int, str]:
        if not ids:
            return {}
        text = func.coalesce(FinalDocument.text, ModuleBuild.modulemd)
        query = select(ModuleBuild.id, text).outerjoin(FinalDocument, _FINAL).where(ModuleBuild.id.in_(ids))
        with transaction(self._engine) as session:
            return {row[0]: row[1] for row in session.execute(query)}


_FINAL = and_(
    FinalDocument.build_id == ModuleBuild.id, FinalDocument.name == ModuleBuild.name, FinalDocument.arch == NOARCH
)
"""The document with all that a module filters, what its `buildonly` components make included; not of imported ones."""
_READY = ModuleBuild.state == ModuleState.READY
_RETIRED = ModuleBuild.state == ModuleState.GARBAGE


def _stored(row: ModuleBuildRow, text: str) -> StoredModule:
    return StoredModule(
        nsvc=row.nsvc,
        document=text,
        koji_tag=row.koji_tag,
        commit=row.commit,
        stream_version=row.stream_version,
        virtual_streams=row.virtual_streams,
        buildrequires=row.buildrequires,
        arches=row.arches,
        retired=row.state is ModuleState.GARBAGE,
    )
