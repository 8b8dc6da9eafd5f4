"""Sessions of the registry's database: how they are opened, and what it is called when it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from sqlalchemy import ColumnElement, Engine, create_engine, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from mbs.model.errors import InvalidRequest, RegistryUnavailable
from mbs.model.quoting import plain
from mbs.registry import filters
from mbs.registry.models import Base
from mbs.registry.rows import Listing, Page

Table = TypeVar("Table", bound=Base)
Row = TypeVar("Row")

CONNECTIONS = 15
"""That a process keeps, as far as its threads need them at a time; further threads wait, and then are told that the
registry is away."""


def engine_for(url: str) -> Engine:
    """Make an engine for a PostgreSQL URL of any spelling; connections that died meanwhile are noticed before use.

    Raises InvalidRequest, without the URL, which may hold a password, where it is none.
    """
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        parsed = URL.create("unknown")
    if parsed.get_backend_name() != "postgresql":
        msg = "The address of the registry is no URL of a PostgreSQL database: write postgresql://user@host:port/name."
        raise InvalidRequest(msg)
    return create_engine(
        parsed.set(drivername="postgresql+psycopg2"), pool_pre_ping=True, pool_size=CONNECTIONS, max_overflow=0
    )


@contextmanager
def known_when_unavailable() -> Iterator[None]:
    """Raise RegistryUnavailable, which is retried, for a connection that is refused or lost."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        msg = f"The registry's database does not answer: {plain(str(error.orig))}"
        raise RegistryUnavailable(msg) from error
    except PoolTimeout as error:
        msg = f"All {CONNECTIONS} connections of this process to the registry's database are busy."
        raise RegistryUnavailable(msg) from error


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open a session for one transaction, which is committed unless something is raised."""
    with known_when_unavailable(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


class Group:
    """Methods about one kind of thing. Each asks for a session: of a transaction of its own, or the caller's."""

    def __init__(self, session: Callable[[], AbstractContextManager[Session]]) -> None:
        """Made by `mbs.registry.Work`."""
        self._session = session


def page_of(
    session: Session, table: type[Table], where: Iterable[ColumnElement[bool]], page: Page, row: Callable[[Table], Row]
) -> Listing[Row]:
    """Give a page of what meets the conditions; an order by what is no column is refused."""
    conditions = tuple(where)
    total = session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0
    query = select(table).where(*conditions).order_by(*filters.ordering(page, dict(table.__table__.c)))
    found = session.scalars(query.limit(page.size).offset((page.number - 1) * page.size))
    return Listing(tuple(row(one) for one in found), total)
