"""Module builds and components as the API shows them: each list in a constant number of SQL statements.

Nothing here makes objects of SQLAlchemy: a page of ten builds has two hundred components.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import BindParameter, ColumnElement, Select, Text, and_, bindparam, cast, func, select
from sqlalchemy.orm import Session

from mbs.model.errors import NotFound
from mbs.model.nsvc import NSVC
from mbs.model.states import ComponentState, ModuleState
from mbs.registry import filters, models
from mbs.registry.rows import BuildFilter, ComponentFilter, Listing, MessageRow, Page
from mbs.registry.session import Group

Item = TypeVar("Item")

NO_MODULE = "No such module found."
NO_COMPONENT = "No such component found."


class Form(Enum):
    """How much is said of a module build or a component."""

    SHORT = auto()
    NORMAL = auto()
    VERBOSE = auto()


class StateChange(Struct, frozen=True):
    """One change of state."""

    time: datetime
    state: ModuleState | ComponentState | None
    reason: str | None
    by: str | None = None
    """Of module builds: the user or the task that did it."""


class ComponentView(Struct, frozen=True):
    """A component."""

    id: int
    build_id: int
    name: str
    batch: int
    """From 1; 0 is module-build-macros."""
    state: ComponentState | None
    reason: str | None
    task_id: int | None
    nvr: str | None
    trace: tuple[StateChange, ...] = ()
    """Of the verbose form, oldest first."""


class BaseModuleView(Struct, frozen=True):
    """A registered base module that a build was built against."""

    id: int
    name: str
    stream: str
    version: int
    context: str
    state: ModuleState
    stream_version: float | None


class BuildView(Struct, frozen=True, kw_only=True):
    """A module build with all that its form shows."""

    id: int
    nsvc: NSVC
    state: ModuleState
    state_reason: str | None
    owner: str
    scratch: bool
    rebuild_strategy: str
    scmurl: str | None
    koji_tag: str | None
    srpms: Sequence[str]
    arches: Sequence[str]
    virtual_streams: Sequence[str]
    stream_version: float | None
    buildrequires: Mapping[str, Any]
    """What it was built against, by name, as stored."""
    build_context: str | None
    build_context_no_bms: str | None
    runtime_context: str | None
    reuse_from_id: int | None
    time_submitted: datetime
    time_modified: datetime
    time_completed: datetime | None
    components: Sequence[ComponentView] = ()
    """Not of the short form; by id, without their traces."""
    siblings: Sequence[int] = ()
    """Not of the short form: other builds of the same name, stream, version and scratch flag."""
    base_modules: Sequence[BaseModuleView] = ()
    """Of the verbose form, like what follows."""
    trace: Sequence[StateChange] = ()
    modulemd: str = ""

    @property
    def batch(self) -> int:
        """The batch that it has come to as MBS counts: 0 before the macros, 1 the macros, components from 2."""
        return max((one.batch + 1 for one in self.components if one.state is not None), default=0)


_build = models.ModuleBuild.__table__.c
_component = models.ComponentBuild.__table__.c
_message = models.Message.__table__.c

_BUILD = select(
    *(
        _build[name]
        for name in BuildView.__struct_fields__
        if name in _build and name not in {"buildrequires", "modulemd"}
    ),
    _build.name,
    _build.stream,
    _build.version,
    _build.context,
    # Not decoded by the driver: msgspec does it several times as fast.
    cast(_build.buildrequires, Text).label("buildrequires"),
)
_COMPONENT = select(
    _component.id,
    _component.build_id,
    _component.name,
    _component.batch,
    _component.state,
    _component.state_reason,
    _component.task_id,
    _component.nvr,
)
_MESSAGE = select(_message.id, _message.component_id, _message.time, _message.message)

_OF: BindParameter[Sequence[int]] = bindparam("ids", expanding=True)
"""The ids of a page."""


def _component_of() -> Select[Any]:
    query = select(_component.build_id, *_COMPONENT.selected_columns)
    return query.where(_component.build_id.in_(_OF)).order_by(_component.id)


def _sibling() -> Select[Any]:
    mine, other = models.ModuleBuild.__table__.alias(), models.ModuleBuild.__table__.alias()
    alike = (mine.c[name] == other.c[name] for name in ("name", "stream", "version", "scratch"))
    query = select(mine.c.id, other.c.id).join(other, and_(*alike, mine.c.id != other.c.id))
    return query.where(mine.c.id.in_(_OF)).order_by(other.c.id)


def _base_module() -> Select[Any]:
    link, base = models.BaseModuleLink.__table__, models.ModuleBuild.__table__
    nsvc = (_build.name, _build.stream, _build.version, _build.context)
    query = select(link.c.build_id, _build.id, *nsvc, _build.state, _build.stream_version)
    joined = query.join_from(link, base, _build.id == link.c.base_module_id)
    return joined.where(link.c.build_id.in_(_OF)).order_by(_build.id)


def _change(trace: Any, owner: ColumnElement[int], *more: ColumnElement[Any]) -> Select[Any]:  # noqa: ANN401 - the columns of either table
    return select(owner, trace.time, trace.state, trace.reason, *more).where(owner.in_(_OF)).order_by(trace.id)


_module_trace, _component_trace = models.ModuleTrace.__table__.c, models.ComponentTrace.__table__.c
_COMPONENT_TRACE = _change(_component_trace, _component_trace.component_id)
_PARTS: Mapping[str, tuple[Select[Any], Callable[..., Any]]] = {
    "components": (_component_of(), ComponentView),
    "siblings": (_sibling(), int),
    "base_modules": (_base_module(), BaseModuleView),
    "trace": (_change(_module_trace, _module_trace.build_id, _module_trace.by), StateChange),
}
"""What is read beside the rows of the builds themselves: each in one statement for all of them, made once."""
_OF_NORMAL = frozenset({"components", "siblings"})


class Views(Group):
    """What the API shows. Ids may be any integers; orders that there are not raise InvalidRequest."""

    def module_build(self, build_id: int, form: Form = Form.VERBOSE) -> BuildView:
        """Give one module build; raise NotFound."""
        query = _of_form(form).where(_build.id == build_id)
        with self._session() as session:
            return _only(_builds(session, query, form) if filters.is_id(build_id) else (), NO_MODULE)

    def module_builds(self, wanted: BuildFilter, page: Page, form: Form) -> Listing[BuildView]:
        """Give a page of the module builds that pass a filter."""
        order = filters.ordering(page, filters.BUILD_KEYS)
        query = _of_form(form).where(*filters.of_builds(wanted), *filters.following(page, _build.id)).order_by(*order)
        with self._session() as session:
            return _listing(session, query, page, lambda part: _builds(session, part, form))

    def component_build(self, component_id: int, form: Form = Form.VERBOSE) -> ComponentView:
        """Give one component; raise NotFound."""
        query = _COMPONENT.where(_component.id == component_id)
        with self._session() as session:
            return _only(_components(session, query, form) if filters.is_id(component_id) else (), NO_COMPONENT)

    def component_builds(self, wanted: ComponentFilter, page: Page, form: Form) -> Listing[ComponentView]:
        """Give a page of the components that pass a filter."""
        order = filters.ordering(page, filters.COMPONENT_KEYS)
        query = _COMPONENT.where(*filters.of_components(wanted), *filters.following(page, _component.id)).order_by(
            *order
        )
        with self._session() as session:
            return _listing(session, query, page, lambda part: _components(session, part, form))

    def build_messages(self, build_id: int, page: Page) -> Listing[MessageRow]:
        """Give a page of the messages about a build and its components, newest first; raise NotFound."""
        self.module_build(build_id, Form.SHORT)
        return self._messages(_message.build_id == build_id, page)

    def component_messages(self, component_id: int, page: Page) -> Listing[MessageRow]:
        """Give a page of the messages about a component, newest first; raise NotFound."""
        self.component_build(component_id, Form.SHORT)
        return self._messages(_message.component_id == component_id, page)

    def _messages(self, condition: ColumnElement[bool], page: Page) -> Listing[MessageRow]:
        query = _MESSAGE.where(condition).order_by(_message.id.desc())
        with self._session() as session:
            return _listing(
                session, query, page, lambda part: [MessageRow(*row) for row in session.execute(part).all()]
            )


def _only(found: Sequence[Item], otherwise: str) -> Item:
    if not found:
        raise NotFound(otherwise)
    return found[0]


def _listing(
    session: Session, query: Select[Any], page: Page, read: Callable[[Select[Any]], Sequence[Item]]
) -> Listing[Item]:
    """Count what a query finds, and read a page of it, where there is one."""
    if page.after is not None:
        found = tuple(read(query.limit(page.size + 1)))
        return Listing(found[: page.size], len(found))
    counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    total = session.execute(counted).scalar_one()
    first = (page.number - 1) * page.size
    if page.size < 1 or first >= total:
        return Listing((), total)
    return Listing(tuple(read(query.limit(page.size).offset(first))), total)


def _of_form(form: Form) -> Select[Any]:
    return _BUILD.add_columns(_build.modulemd) if form is Form.VERBOSE else _BUILD


def _builds(session: Session, query: Select[Any], form: Form) -> list[BuildView]:
    rows: list[dict[str, Any]] = [dict(row) for row in session.execute(query).mappings().all()]
    for row in rows:
        row["nsvc"] = NSVC(row.pop("name"), row.pop("stream"), row.pop("version"), row.pop("context"))
        row["buildrequires"] = msgspec.json.decode(row["buildrequires"])
    ids = [row["id"] for row in rows]
    parts: dict[str, Mapping[int, Any]] = {
        name: _grouped(session, query, ids, item)
        for name, (query, item) in _PARTS.items()
        if ids and (form is Form.VERBOSE or (form is Form.NORMAL and name in _OF_NORMAL))
    }
    return [BuildView(**row | {name: part[row["id"]] for name, part in parts.items()}) for row in rows]


def _components(session: Session, query: Select[Any], form: Form) -> list[ComponentView]:
    found = [ComponentView(*row) for row in session.execute(query).all()]
    if form is not Form.VERBOSE or not found:
        return found
    traces = _grouped(session, _COMPONENT_TRACE, [one.id for one in found], StateChange)
    return [msgspec.structs.replace(one, trace=traces[one.id]) for one in found]


def _grouped(
    session: Session, query: Select[Any], ids: Sequence[int], item: Callable[..., Item]
) -> Mapping[int, Sequence[Item]]:
    """Read what belongs to each of these: an id in the first column, and an item in those that follow."""
    groups: defaultdict[int, list[Item]] = defaultdict(list)
    for key, *columns in session.execute(query, {_OF.key: ids}).all():
        groups[key].append(item(*columns))
    return groups
