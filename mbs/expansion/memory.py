"""Registered modules held in memory: for `mbs plan` without a server, and for tests."""

from __future__ import annotations

from collections.abc import Iterable

from mbs.expansion.provider import RegisteredModule


class MemoryProvider:
    """A `ModuleProvider` over a fixed set of modules."""

    def __init__(self, modules: Iterable[RegisteredModule]) -> None:
        """Take the modules in any order."""
        self._streams: dict[str, dict[str, list[RegisteredModule]]] = {}
        for module in sorted(modules, key=lambda module: (-module.nsvc.version, module.nsvc.context)):
            self._streams.setdefault(module.nsvc.name, {}).setdefault(module.nsvc.stream, []).append(module)

    def streams(self, name: str) -> tuple[str, ...]:
        """Give the streams of `name` with a ready build, sorted."""
        return tuple(sorted(stream for stream in self._streams.get(name, {}) if self.builds(name, stream)))

    def builds(self, name: str, stream: str) -> tuple[RegisteredModule, ...]:
        """Give all ready builds of `name:stream`, newest version first."""
        streams = self._streams.get(name, {})
        return tuple(module for module in streams.get(stream, []) if not module.retired)

    def base_modules(self, name: str) -> tuple[RegisteredModule, ...]:
        """Give the newest build of every stream of `name`, ready ones first choice, highest stream version first."""
        newest = [min(builds, key=lambda module: module.retired) for builds in self._streams.get(name, {}).values()]
        return tuple(sorted(newest, key=lambda module: (-(module.stream_version or 0.0), module.nsvc.stream)))
