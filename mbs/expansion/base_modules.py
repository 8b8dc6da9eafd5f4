"""Base modules: which releases of the distribution a module is built for, and which are compatible with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from mbs.expansion import ExpansionSettings
from mbs.model.document import Dependencies
from mbs.model.errors import Problem, Unprocessable
from mbs.model.registered import ModuleProvider, Modules, Registered
from mbs.model.versions import StreamVersion

D = TypeVar("D")


@dataclass(frozen=True)  # without slots, as `Registered`
class BaseModules(Generic[D]):
    """The base modules that one expansion considers; their documents are not looked at."""

    ready: tuple[Registered[D], ...]
    """Those that the document asks for, each followed by the ready ones compatible with it."""
    searches: tuple[tuple[Registered[D], ...], ...]
    """For each that the document asks for: on which base modules to look for builds, highest stream version first.

    These may be retired ones: nothing is built for them any more, but what was built on them may be used.
    """


def base_name(names: Iterable[str], settings: ExpansionSettings) -> str | None:
    """Give the most important base module among `names`; a dependency pair has one at most (§8.3)."""
    present = set(names)
    return next((name for name in settings.base_module_names if name in present), None)


def resolve_virtual_streams(
    pairs: Sequence[Dependencies], provider: ModuleProvider, settings: ExpansionSettings
) -> tuple[Dependencies, ...]:
    """Replace virtual streams of base modules by the newest ready stream that has them, buildrequires only (§5.3).

    Unlike MBS, only ready base modules count.
    """
    return tuple(_with_real_streams(pair, provider, settings) for pair in pairs)


def find_base_modules(
    buildrequires: Sequence[Mapping[str, Sequence[str]]], provider: Modules[D], settings: ExpansionSettings
) -> BaseModules[D]:
    """Find the base modules of expanded pairs, and what is compatible with them (§8.3).

    Raises Unprocessable where none is registered, and where compatibility cannot be told: a base module with virtual
    streams whose own stream has no minor version.
    """
    wanted = _wanted(buildrequires, settings)
    asked = [module for name, stream in wanted if (module := _registered(name, stream, provider)) is not None]
    if not asked:
        raise Unprocessable(_none_found(wanted, settings))
    if settings.allow_only_compatible_base_modules:
        _refuse_incomparable(asked, settings)
    families = [_compatible(module, provider, settings) for module in asked]
    ready = {other.nsvc: other for family in families for other in family if not other.retired}
    return BaseModules(
        ready=tuple(ready.values()),
        searches=tuple(tuple(sorted(family, key=_number, reverse=True)) for family in families),
    )


def _with_real_streams(pair: Dependencies, provider: ModuleProvider, settings: ExpansionSettings) -> Dependencies:
    real = {
        name: tuple(dict.fromkeys(_real_stream(name, stream, provider) for stream in listed))
        if name in settings.base_module_names
        else tuple(listed)
        for name, listed in pair.buildrequires.items()
    }
    return replace(pair, buildrequires=real)


def _real_stream(name: str, stream: str, provider: ModuleProvider) -> str:
    ready = [module for module in provider.base_modules(name) if not module.retired]
    if stream.startswith("-") or any(module.nsvc.stream == stream for module in ready):
        return stream
    return next((module.nsvc.stream for module in ready if stream in module.virtual_streams), stream)


def _wanted(buildrequires: Sequence[Mapping[str, Sequence[str]]], settings: ExpansionSettings) -> list[tuple[str, str]]:
    """List the base module streams of all pairs once, the highest of each pair first."""
    wanted: dict[tuple[str, str], None] = {}
    for section in buildrequires:
        name = base_name(section, settings)
        if name is not None:
            ordered = sorted(section[name], key=lambda stream: _stream_number(stream, settings), reverse=True)
            wanted.update({(name, stream): None for stream in ordered})
    return list(wanted)


def _registered(name: str, stream: str, provider: Modules[D]) -> Registered[D] | None:
    ready = (module for module in provider.base_modules(name) if not module.retired)
    return next((module for module in ready if module.nsvc.stream == stream), None)


def _compatible(module: Registered[D], provider: Modules[D], settings: ExpansionSettings) -> list[Registered[D]]:
    """Give `module` and what shares a virtual stream with it; by default older y and z releases of its x only."""
    related = [
        other
        for other in provider.base_modules(module.nsvc.name)
        if other.nsvc != module.nsvc and not set(other.virtual_streams).isdisjoint(module.virtual_streams)
    ]
    if settings.allow_only_compatible_base_modules:
        highest = _number(module)
        lowest = highest // 10000 * 10000
        related = [other for other in related if not other.retired and lowest <= _number(other) <= highest]
    return [module, *related]


def _refuse_incomparable(modules: Sequence[Registered[object]], settings: ExpansionSettings) -> None:
    problems = [
        Problem(
            "Cannot get compatible base modules, because stream of resolved base module "
            f"{module.nsvc.name_stream} is not in x.y.z format. It has virtual streams: name its stream like el8.1.0, "
            "or set allow_only_compatible_base_modules = False to take what is built on any base module with one of "
            "them.",
            "data.dependencies",
        )
        for module in modules
        if module.virtual_streams and not _is_xyz(module.nsvc.stream, settings)
    ]
    if problems:
        raise Unprocessable(*problems)


def _none_found(wanted: Sequence[tuple[str, str]], settings: ExpansionSettings) -> str:
    """Say what MBS says (§6.5)."""
    missing = ", ".join(f"{name}:{stream}" for name, stream in wanted)
    names = " or ".join(settings.base_module_names)
    found = f"None of the base module ({names}) streams in the buildrequires section could be found."
    return f"{found}  Missing streams are ({missing})." if missing else found


def _is_xyz(stream: str, settings: ExpansionSettings) -> bool:
    version = StreamVersion.parse(stream, settings.stream_suffixes)
    return version is not None and version.is_xyz


def _stream_number(stream: str, settings: ExpansionSettings) -> float:
    version = StreamVersion.parse(stream, settings.stream_suffixes)
    return 0.0 if version is None else version.padded


def _number(module: Registered[object]) -> float:
    return module.stream_version or 0.0
