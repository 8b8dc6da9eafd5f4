"""Contexts: short hashes over what a module build was built against and what it needs (MBS §7.4, §7.5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mbs.model.document import Dependencies

DEFAULT_CONTEXT = "00000000"
"""The context of base modules and of what was registered without one."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The hashes of one module build; `context` is part of its NSVC, the others decide about reuse."""

    build_context: str
    build_context_no_bms: str
    runtime_context: str
    context: str


def contexts(
    build_streams: Mapping[str, str],
    dependencies: Iterable[Dependencies],
    base_module_names: Collection[str],
    *,
    static_context: str | None = None,
) -> Contexts:
    """Compute all hashes of a module build.

    `build_streams` is the stream of every module it is built against, transitive ones and base modules included
    (xmd.mbs.buildrequires); a packager's `static_context` replaces only the context itself.
    """
    build = build_context(build_streams)
    runtime = runtime_context(dependencies)
    return Contexts(
        build_context=build,
        build_context_no_bms=build_context(
            {name: stream for name, stream in build_streams.items() if name not in base_module_names}
        ),
        runtime_context=runtime,
        context=context_of(build, runtime) if static_context is None else static_context,
    )


def build_context(build_streams: Mapping[str, str]) -> str:
    """Hash the stream of every buildrequired module: 40 hexadecimal digits."""
    return _sha1(_canonical(dict(build_streams)))


def runtime_context(dependencies: Iterable[Dependencies]) -> str:
    """Hash the required streams by module, united over the pairs and sorted: 40 hexadecimal digits."""
    united: dict[str, set[str]] = {}
    for pair in dependencies:
        for name, streams in pair.requires.items():
            united.setdefault(name, set()).update(streams)
    return _sha1(_canonical({name: sorted(streams) for name, streams in united.items()}))


def context_of(build: str, runtime: str) -> str:
    """Hash both contexts into the eight digits of the NSVC."""
    return _sha1(f"{build}:{runtime}")[:8]


def _canonical(value: Mapping[str, object]) -> str:
    """Write JSON exactly as MBS did: the default separators are part of the hash."""
    return json.dumps(value, sort_keys=True)


def _sha1(text: str) -> str:
    """Hash for identity, not for security."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
