"""What the parameters of a list ask for: filters, the page, the form. Pure; refuses with all that is wrong at once.

Of a parameter that is repeated the first counts, but for those that are or-ed. What no row can have (a number out of
range, a text with a NUL) finds nothing, and is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from starlette.datastructures import QueryParams

from mbs.model.errors import InvalidRequest
from mbs.registry.events import EventFilter
from mbs.registry.filters import LAST_ID
from mbs.registry.rows import BaseModuleFilter, BuildFilter, ComponentFilter, Page
from mbs.registry.views import Form
from mbs.web import values
from mbs.web.values import Impossible

Value = TypeVar("Value")
Reader = Callable[[str], Any]

PER_PAGE, MOST_PER_PAGE = 10, 1000
"""Items of a page, where nothing is asked for, and at most: `meta` says how many it has."""

_OF_NEGATIVE = 20
"""What MBS takes a negative `per_page` for."""

_TEXTS_OF_BUILDS = (
    *("name", "stream", "context", "build_context", "build_context_no_bms", "runtime_context", "koji_tag"),
    *("cg_build_koji_tag", "scmurl", "owner", "rebuild_strategy", "state_reason", "modulemd"),
)
_TIMES = tuple(f"{kind}_{bound}" for kind in ("submitted", "modified", "completed") for bound in ("before", "after"))
_BUILD_COLUMNS: Mapping[str, tuple[str, Reader]] = {
    **{name: (name, values.text) for name in _TEXTS_OF_BUILDS},
    "version": ("version", values.version),
    "scratch": ("scratch", values.boolean),
    "reused_module_id": ("reuse_from_id", values.whole),
    "batch": ("batch", values.batch),
    "srpms": ("srpms", values.texts),
    "stream_version": ("stream_version", values.number),
    "stream_version_lte": ("stream_version_lte", values.stream_version_lte),
    "new_repo_task_id": ("impossible", values.no_task),
    **{name: (name, values.bound(name)) for name in _TIMES},
}
_BASE_MODULE_COLUMNS: Mapping[str, tuple[str, Reader]] = {
    "base_module_br_name": ("name", values.text),
    "base_module_br_stream": ("stream", values.text),
    "base_module_br_version": ("version", values.version),
    "base_module_br_context": ("context", values.text),
    "base_module_br_stream_version": ("stream_version", values.number),
    "base_module_br_stream_version_lte": ("stream_version_lte", values.number_or_none),
    "base_module_br_stream_version_gte": ("stream_version_gte", values.number_or_none),
}
_COMPONENT_COLUMNS: Mapping[str, tuple[str, Reader]] = {
    "package": ("name", values.text),
    "scmurl": ("source", values.text),
    **{name: (name, values.text) for name in ("ref", "state_reason", "nvr")},
    **{name: (name, values.boolean) for name in ("tagged", "tagged_in_final", "build_time_only", "buildonly")},
    "task_id": ("task_id", values.whole),
    "batch": ("batch", values.batch),
    "weight": ("weight", values.number),
    "module_id": ("build_id", values.whole),
    "module_build": ("build_id", values.whole),
    "reused_component_id": ("reused_from_id", values.whole),
    "format": ("impossible", values.no_format),
}
"""By parameter: the field of the filter, and how it is read."""

_TIME_COLUMNS = ("time_submitted", "time_modified", "time_completed")
_NOT_KEYS = {"stream_version_lte", "module_build", *_TIMES}
_BUILD_KEYS = {name: to for name, (to, _) in _BUILD_COLUMNS.items() if name not in _NOT_KEYS} | {
    name: name for name in ("id", "state", *_TIME_COLUMNS)
}
_COMPONENT_KEYS = {name: to for name, (to, _) in _COMPONENT_COLUMNS.items() if name not in _NOT_KEYS} | {
    name: name for name in ("id", "state")
}
"""Columns of the registry by what the API calls them; `impossible`: alike in every row."""


class _Asked:
    """The parameters of a request, and what was found wrong with them."""

    def __init__(self, given: QueryParams) -> None:
        self.given = given
        self.problems: list[str] = []
        self.impossible = False

    def columns(self, columns: Mapping[str, tuple[str, Reader]]) -> dict[str, Any]:
        """Read the first of each parameter, by field; two of one field have to agree."""
        found: dict[str, Any] = {}
        for name, (column, read) in columns.items():
            text = first(self.given, name)
            value = None if text is None else self.read(name, text, read)
            if value is not None:
                self.join(found, column, value)
        return found

    def join(self, found: dict[str, Any], column: str, value: object) -> None:
        """Let a field have a value, and no other."""
        self.impossible |= found.setdefault(column, value) != value

    def read(self, name: str, text: str, read: Callable[[str], Value]) -> Value | None:
        """Read a text; None where it is wrong, or impossible."""
        try:
            return read(text)
        except Impossible:
            self.impossible = True
        except InvalidRequest as refused:
            self.problems.append(str(refused))
        except ValueError:
            self.problems.append(f'An invalid value of "{name}" was supplied: {text}')
        return None

    def every(self, name: str, read: Callable[[str], Value]) -> tuple[Value, ...]:
        """Read all of an or-ed parameter; where none of them is possible, nothing is."""
        before, self.impossible = self.impossible, False
        texts = self.given.getlist(name)
        found = tuple(value for text in texts if (value := self.read(name, text, read)) is not None)
        self.impossible = before or bool(texts and not found)
        return found

    def refuse(self) -> None:
        """Raise InvalidRequest where anything was wrong."""
        if self.problems:
            raise InvalidRequest(*dict.fromkeys(self.problems))


def first(given: QueryParams, name: str) -> str | None:
    """Give the first value of a parameter."""
    return next(iter(given.getlist(name)), None)


def form_asked(given: QueryParams) -> Form:
    """Tell in which form to answer: `verbose` wins over `short`."""
    verbose, short = (values.boolean(first(given, name) or "") for name in ("verbose", "short"))
    return Form.VERBOSE if verbose else Form.SHORT if short else Form.NORMAL


def builds_asked(given: QueryParams) -> BuildFilter:
    """Give the filter of a list of module builds, but for `rpm`, which Koji knows about (`within_tags`)."""
    asked = _Asked(given)
    found = asked.columns(_BUILD_COLUMNS) | _nsvc(asked)
    tag = found.pop("koji_tag", None)
    found |= {
        "koji_tags": () if tag is None else (tag,),
        "states": asked.every("state", values.module_state),
        "virtual_streams": asked.every("virtual_stream", values.text),
        "base_module": _base_module(asked),
    }
    asked.refuse()
    return BuildFilter(**found, impossible=asked.impossible)


_EVENT_COLUMNS: Mapping[str, tuple[str, Reader]] = {
    "id": ("build_id", values.whole),
    "name": ("name", values.text),
    "owner": ("owner", values.text),
}


def events_asked(given: QueryParams) -> EventFilter:
    """Give the filter of a stream of events."""
    asked = _Asked(given)
    found = asked.columns(_EVENT_COLUMNS) | {"states": asked.every("state", values.module_state)}
    asked.refuse()
    return EventFilter(**found, impossible=asked.impossible)


def within_tags(wanted: BuildFilter, tags: Iterable[str]) -> BuildFilter:
    """Narrow a filter to these tags of modules; no tag, no module."""
    both = tuple(tag for tag in tags if tag in (wanted.koji_tags or (tag,)))
    return replace(wanted, koji_tags=both, impossible=wanted.impossible or not both)


def components_asked(given: QueryParams) -> ComponentFilter:
    """Give the filter of a list of components."""
    asked = _Asked(given)
    found = asked.columns(_COMPONENT_COLUMNS) | {"states": asked.every("state", values.component_state)}
    asked.refuse()
    return ComponentFilter(**found, impossible=asked.impossible)


def build_page(given: QueryParams) -> Page:
    """Give the page of a list of module builds, and its order."""
    return _page(given, _order(given, _BUILD_KEYS))


def component_page(given: QueryParams) -> Page:
    """Give the page of a list of components, and its order."""
    return _page(given, _order(given, _COMPONENT_KEYS))


def following(given: QueryParams, page: Page) -> Page:
    """Let a page go on after the item that `after` names, or begin where it is empty. Raises InvalidRequest."""
    asked = first(given, "after")
    if asked is None:
        return page
    if [name for name, _ in page.order_by] != ["id"]:
        raise InvalidRequest("A list that is followed with after is ordered by id alone")
    begin = _FIRST_AND_LAST[page.order_by[0][1]]
    after = values.whole_or(asked, -1) if asked else begin
    if after < 0:
        raise InvalidRequest(f'An invalid value of "after" was supplied: {asked}')
    return replace(page, after=min(after, _FIRST_AND_LAST[True]), size=max(page.size, 1))


_FIRST_AND_LAST = (0, LAST_ID)
"""Ids before and after all others."""


def message_page(given: QueryParams) -> Page:
    """Give the page of a list of messages; its order is fixed."""
    return _page(given, (("id", True),))


def _page(given: QueryParams, order: tuple[tuple[str, bool], ...]) -> Page:
    number, size = (values.whole_or(first(given, name), other) for name, other in (("page", 1), ("per_page", PER_PAGE)))
    return Page(max(number, 1), min(size, MOST_PER_PAGE) if size >= 0 else _OF_NEGATIVE, order)


def _order(given: QueryParams, keys: Mapping[str, str]) -> tuple[tuple[str, bool], ...]:
    """Give the keys by which a list is ordered; the id is the last, so that pages neither repeat nor lose a row."""
    ascending, descending = (given.getlist(name) for name in ("order_by", "order_desc_by"))
    if ascending and descending:
        raise InvalidRequest("You may not specify both order_by and order_desc_by")
    asked = ascending or descending or ["id"]
    if unknown := [name for name in asked if name not in keys]:
        raise InvalidRequest(*(f'An invalid ordering key of "{name}" was supplied' for name in dict.fromkeys(unknown)))
    columns = dict.fromkeys(keys[name] for name in (*asked, "id"))
    return tuple((column, not ascending) for column in columns if column != "impossible")


def _nsvc(asked: _Asked) -> dict[str, Any]:
    """Read `nsvc`, whose parts count instead of the parameters for them."""
    columns = (("name", values.text), ("stream", values.text), ("version", values.version), ("context", values.text))
    parts = (first(asked.given, "nsvc") or "").split(":")
    read = {name: asked.read("nsvc", part, read) for (name, read), part in zip(columns, parts, strict=False)}
    return read if parts != [""] else {}


def _base_module(asked: _Asked) -> BaseModuleFilter | None:
    found = asked.columns(_BASE_MODULE_COLUMNS)
    text = first(asked.given, "base_module_br")
    nsvc = None if text is None else asked.read("base_module_br", text, values.nsvc)
    for column, value in (nsvc or {}).items():
        asked.join(found, column, value)
    return BaseModuleFilter(**found) if found else None
