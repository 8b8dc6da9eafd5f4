"""Stored modules as expansion sees them: their documents are read here, each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import cast

from mbs.model.document import Modulemd
from mbs.model.registered import ModuleStore, RegisteredModule, StoredModule
from mbs.modulemd.reader import read

_SHARED = {each.name for each in fields(StoredModule)} - {"text"}


class StoredModules:
    """A `ModuleProvider` over a store; what is stored was written by libmodulemd, and is a stream document."""

    def __init__(self, store: ModuleStore) -> None:
        """Take the store; it is asked anew every time."""
        self._store = store
        self._documents: dict[str, Modulemd] = {}

    def streams(self, name: str) -> tuple[str, ...]:
        """Give the streams of `name` with at least one ready build, sorted."""
        return tuple(self._store.streams(name))

    def builds(self, name: str, stream: str) -> tuple[RegisteredModule, ...]:
        """Give the ready builds of `name:stream`, newest version first."""
        return self._read(self._store.builds(name, stream))

    def base_modules(self, name: str) -> tuple[RegisteredModule, ...]:
        """Give the newest build of every stream, ready ones first choice, highest stream version first."""
        return self._read(self._store.base_modules(name))

    def _read(self, modules: Iterable[StoredModule]) -> tuple[RegisteredModule, ...]:
        return tuple(
            RegisteredModule(document=self._document(one.text), **{name: getattr(one, name) for name in _SHARED})
            for one in modules
        )

    def _document(self, text: str) -> Modulemd:
        if text not in self._documents:
            self._documents[text] = cast("Modulemd", read(text, limits=None))
        return self._documents[text]
