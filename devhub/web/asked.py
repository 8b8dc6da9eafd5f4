"""What a reader asked for: the words of the query, read with the care that strangers' words need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devhub.methods import Call

ROWS = 50
"""Rows of a list on one page."""
_LARGEST = 2**63 - 1


class NotThere(Exception):
    """Nothing is there; the message is the sentence that the reader gets."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for a page: an anonymous call of the hub, and the query."""

    call: Call
    query: Mapping[str, str]

    def number(self, key: str, what: str) -> int:
        """Give an id; raise `NotThere` where it is missing or no number."""
        value = self._number(key)
        if value is None:
            raise NotThere(f"Say which {what}, as ?{key}=1")
        return value

    def ref(self, key: str, what: str) -> int | str:
        """Give an id or a name; raise `NotThere` where it is missing."""
        value = self._number(key)
        if value is None and not self.query.get(key):
            raise NotThere(f"Say which {what}, as ?{key}=1")
        return self.query[key] if value is None else value

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """Give one of some words, None where it is missing or another."""
        value = self.query.get(key, "").lower()
        return value if value in choices else None

    @property
    def start(self) -> int:
        """The first row of a list that is wanted, counted from 0."""
        return self._number("start") or 0

    def _number(self, key: str) -> int | None:
        value = self.query.get(key, "")
        return (
            int(value) if value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= _LARGEST else None
        )
