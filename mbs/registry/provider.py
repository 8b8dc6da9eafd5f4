"""The registry as the source of registered modules for those who may read their documents themselves."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine

from mbs.expansion.stored import StoredModules
from mbs.registry.stored import RegistryStore


class RegistryProvider(StoredModules):
    """A `ModuleProvider` over the registry."""

    def __init__(self, engine: Engine, base_module_names: Iterable[str]) -> None:
        """Take the registry's engine and the names of the base modules."""
        super().__init__(RegistryStore(engine, base_module_names))
