"""The conditions and the orders of lists: each has its index (`mbs.registry.models`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, false, func, or_, select

from mbs.model.errors import InvalidRequest
from mbs.registry import models
from mbs.registry.rows import BaseModuleFilter, BuildFilter, ComponentFilter, Page

_build = models.ModuleBuild.__table__.c
_component = models.ComponentBuild.__table__.c
_link = models.BaseModuleLink.__table__.c

_BASE = models.ModuleBuild.__table__.alias()
_BUILT = select(_link.build_id).join(_BASE, _BASE.c.id == _link.base_module_id)

LAST_ID = 2**63 - 1

_SUBMITTED = _component.state.is_not(None)
_BATCH = (
    select(func.max(_component.batch))
    .where(_component.build_id == _build.id, _SUBMITTED)
    .correlate(models.ModuleBuild.__table__)
    .scalar_subquery()
)
"""Null before the macros."""

BUILD_KEYS: Mapping[str, ColumnElement[Any]] = {**_build, "batch": func.coalesce(_BATCH, -1)}
COMPONENT_KEYS: Mapping[str, ColumnElement[Any]] = dict(_component)
"""What lists may be ordered by."""


def is_id(number: int) -> bool:
    """Tell whether a row may have this id."""
    return 0 < number <= LAST_ID


def ordering(page: Page, keys: Mapping[str, ColumnElement[Any]]) -> Iterator[UnaryExpression[Any]]:
    """Give the order of a page; raise InvalidRequest for a key that there is not."""
    for name, descending in page.order_by:
        if name not in keys:
            msg = f'An invalid ordering key of "{name}" was supplied'
            raise InvalidRequest(msg)
        yield keys[name].desc() if descending else keys[name].asc()


def following(page: Page, column: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    """Give the condition of a page that goes on after an id."""
    if page.after is not None:
        (_, descending), *_ = page.order_by
        yield column < page.after if descending else column > page.after


def of_builds(wanted: BuildFilter) -> Iterator[ColumnElement[bool]]:
    """Give the conditions of a filter of module builds."""
    if wanted.impossible:
        yield false()
    yield from _equal(_build, wanted, _BUILD_COLUMNS)
    if wanted.states:
        yield _build.state.in_(wanted.states)
    if wanted.koji_tags:
        yield _build.koji_tag.in_(wanted.koji_tags)
    if wanted.virtual_streams:
        yield _build.virtual_streams.overlap(list(wanted.virtual_streams))
    if wanted.srpms is not None:
        yield _build.srpms == list(wanted.srpms)
    if wanted.batch is not None:
        yield _is_at_batch(wanted.batch)
    if wanted.stream_version_lte is not None:
        major = math.floor(wanted.stream_version_lte / 10_000) * 10_000
        yield _build.stream_version.between(major, wanted.stream_version_lte)
    if wanted.base_module is not None:
        yield _build.id.in_(_built_against(wanted.base_module))
    yield from _time_bounds(wanted)


def of_components(wanted: ComponentFilter) -> Iterator[ColumnElement[bool]]:
    """Give the conditions of a filter of components."""
    if wanted.impossible:
        yield false()
    yield from _equal(_component, wanted, _COMPONENT_COLUMNS)
    if wanted.states:
        named = [state for state in wanted.states if state is not None]
        waiting = _component.state.is_(None) if None in wanted.states else false()
        yield or_(_component.state.in_(named), waiting)


_BUILD_COLUMNS = (
    "name",
    "stream",
    "version",
    "context",
    "build_context",
    "build_context_no_bms",
    "runtime_context",
    "cg_build_koji_tag",
    "scmurl",
    "owner",
    "scratch",
    "rebuild_strategy",
    "reuse_from_id",
    "state_reason",
    "stream_version",
    "modulemd",
)
_COMPONENT_COLUMNS = (
    "build_id",
    "name",
    "source",
    "ref",
    "batch",
    "weight",
    "buildonly",
    "build_time_only",
    "state_reason",
    "task_id",
    "nvr",
    "tagged",
    "tagged_in_final",
    "reused_from_id",
)


def _equal(table: Any, wanted: object, names: Sequence[str]) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - the columns of either table
    for name in names:
        value = getattr(wanted, name)
        if value is not None:
            yield table[name] == value


def _is_at_batch(batch: int) -> ColumnElement[bool]:
    """Tell which builds have come to a batch and not to a later one; -1: to none."""
    later = select(_component.build_id).where(_component.build_id == _build.id, _component.batch > batch, _SUBMITTED)
    come = select(_component.build_id).where(_component.batch == batch, _SUBMITTED)
    none_later = ~later.correlate(models.ModuleBuild.__table__).exists()
    return none_later if batch < 0 else and_(_build.id.in_(come), none_later)


def _built_against(wanted: BaseModuleFilter) -> Select[tuple[int]]:
    base = _BASE.c
    query = _BUILT.where(*_equal(base, wanted, ("name", "stream", "version", "context", "stream_version")))
    if wanted.stream_version_lte is not None:
        query = query.where(base.stream_version <= wanted.stream_version_lte)
    if wanted.stream_version_gte is not None:
        query = query.where(base.stream_version >= wanted.stream_version_gte)
    return query


def _time_bounds(wanted: BuildFilter) -> Iterator[ColumnElement[bool]]:
    for kind in ("submitted", "modified", "completed"):
        column = _build[f"time_{kind}"]
        if (after := getattr(wanted, f"{kind}_after")) is not None:
            yield column >= after
        if (before := getattr(wanted, f"{kind}_before")) is not None:
            yield column <= before
