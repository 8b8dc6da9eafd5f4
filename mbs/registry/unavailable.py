"""The one place that turns a database that is away into an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError

from mbs.model.errors import RegistryUnavailable


@contextmanager
def known_when_unavailable() -> Iterator[None]:
    """Raise RegistryUnavailable, which is retried, for a connection that is refused or lost."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        msg = f"The registry's database does not answer: {' '.join(str(error.orig).split())}"
        raise RegistryUnavailable(msg) from error
