"""Where things are: paths of items, and the links of a page of a list."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from fastapi import Request

from mbs.registry.rows import Page

_LEFT_OUT = frozenset({"page", "per_page", "endpoint", "after"})
"""Parameters that links do not repeat, like those that begin with an underscore (MBS)."""


def path_of(request: Request, collection: str, item: object) -> str:
    """Give the path of an item, with the prefix under which the application is asked and the version of the request."""
    version = request.path_params["version"]
    return f"{request.scope.get('root_path', '')}/{version}/{collection}/{quote(str(item), safe='')}"


def page_links(request: Request, total: int, page: Page, *, others: bool = True) -> dict[str, object]:
    """Give the `meta` of a list; its links repeat the `others` among the parameters."""
    given = request.query_params.multi_items() if others else ()
    return meta(str(request.url.replace(query="")), given, total, page)


def following_links(request: Request, total: int, page: Page, last: int | None) -> dict[str, object]:
    """Give the `meta` of a list that goes on after an id; `last` is that of the last item of the page."""
    given = request.query_params.multi_items()
    return following(str(request.url.replace(query="")), given, total, page, last)


def following(
    url: str, given: Iterable[tuple[str, str]], total: int, page: Page, last: int | None
) -> dict[str, object]:
    """Tell where the list goes on; `url` is absolute and has no query."""
    query = urlencode([*_kept(given), ("after", last), ("per_page", page.size)])
    has_more = last is not None and total > page.size
    return {"per_page": page.size, "next": f"{url}?{query}" if has_more else None}


def _kept(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in given if name not in _LEFT_OUT and not name.startswith("_")]


def meta(url: str, given: Iterable[tuple[str, str]], total: int, page: Page) -> dict[str, object]:
    """Tell where a page is among the others; `url` is absolute and has no query."""
    kept = _kept(given)
    pages = -(-total // page.size) if page.size else 0

    def link(number: int) -> str:
        return f"{url}?{urlencode([*kept, ('page', number), ('per_page', page.size)])}"

    return {
        "page": page.number,
        "pages": pages,
        "per_page": page.size,
        "total": total,
        "first": link(1),
        "last": link(pages),
        "prev": link(page.number - 1) if page.number > 1 else None,
        "next": link(page.number + 1) if page.number < pages else None,
    }
