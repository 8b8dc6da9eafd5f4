"""Everything a module could be built against: its buildrequires and, from there, all that these require (§8.2)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from mbs.expansion import ExpansionSettings
from mbs.expansion.base_modules import BaseModules
from mbs.expansion.streams import Requirement, expand_section
from mbs.model.document import Modulemd
from mbs.model.nsvc import NSVC
from mbs.model.registered import ModuleProvider, RegisteredModule
from mbs.model.versions import StreamVersion


@dataclass(frozen=True, slots=True)
class Candidates:
    """The module builds that may be used, each once, the preferred first."""

    modules: Mapping[NSVC, RegisteredModule]
    by_stream: Mapping[tuple[str, str], tuple[NSVC, ...]]
    """The builds of a name:stream, newest version first. The place in it is the version index of §9."""
    passed_over: Mapping[tuple[str, str], tuple[NSVC, ...]]
    """Builds of a name:stream that has no candidate: they were built against other base modules."""


def collect(
    buildrequires: Iterable[Mapping[str, Sequence[str]]],
    bases: BaseModules[Modulemd],
    provider: ModuleProvider,
    settings: ExpansionSettings,
) -> Candidates:
    """Collect the candidates for expanded pairs, breadth first, every name:stream once.

    That each is visited once is what ends cycles of requires and keeps diamonds cheap; MBS does neither (§8.2). It
    also collects only once per major release, so that the newest of several asked minor releases hides what was
    built on the older ones; here each asked release has its own search.
    """
    modules = {module.nsvc: module for module in bases.ready}
    passed_over: dict[tuple[str, str], tuple[NSVC, ...]] = {}
    queue = deque(key for section in buildrequires for key in _keys(section, settings))
    for module in bases.ready:
        queue.extend(_required_keys(module, provider, settings))
    seen: set[tuple[str, str]] = set()
    while queue:
        key = queue.popleft()
        if key in seen:
            continue
        seen.add(key)
        builds = provider.builds(*key)
        found = {build.nsvc: build for search in bases.searches for build in newest_builds(builds, search)}
        modules.update(found)
        if not found:
            passed_over[key] = tuple(build.nsvc for build in builds)
        for module in found.values():
            queue.extend(_required_keys(module, provider, settings))
    return Candidates(modules, _by_stream(modules), passed_over)


def newest_builds(builds: Sequence[RegisteredModule], bases: Sequence[RegisteredModule]) -> list[RegisteredModule]:
    """Choose among the builds of one name:stream: for each major release, the newest version with all its contexts.

    "Of a release" means built against the stream of one of `bases` (highest stream version first); the first base
    module of a major release for which anything was built decides (§8.2). Unlike MBS, any version of the base module
    will do: to register a release anew does not make everything that was built on it unusable.
    """
    chosen: list[RegisteredModule] = []
    for _, same_major in groupby(bases, key=lambda base: int((base.stream_version or 0.0) // 10000)):
        built = ([build for build in builds if _built_against(build, base)] for base in same_major)
        found = next(filter(None, built), [])
        newest = max((build.nsvc.version for build in found), default=0)
        chosen += [build for build in found if build.nsvc.version == newest]
    return chosen


def requirements(module: RegisteredModule, settings: ExpansionSettings) -> tuple[tuple[Requirement, ...], ...]:
    """Give what `module` needs at runtime: one of these alternatives, whole (its dependency pairs, §9).

    No alternative means no need. Base modules are needed in the release it was built on, or a later one.
    """
    alternatives = tuple(
        tuple(_requirement(name, listed, module, settings) for name, listed in pair.requires.items())
        for pair in module.document.dependencies
    )
    return alternatives if all(alternatives) else ()


def _requirement(
    name: str, listed: Sequence[str], module: RegisteredModule, settings: ExpansionSettings
) -> Requirement:
    if name not in settings.base_module_names:
        return Requirement.of(name, listed)
    return Requirement.of(name, listed, virtual=True, at_least=_built_on(name, module, settings))


def _built_on(name: str, module: RegisteredModule, settings: ExpansionSettings) -> float | None:
    """Give the number of the release it was built on, where minor releases are told apart."""
    base = module.buildrequires.get(name)
    version = StreamVersion.parse(base.stream, settings.stream_suffixes) if base else None
    return version.padded if version and version.is_xyz else None


def _built_against(build: RegisteredModule, base: RegisteredModule) -> bool:
    built_on = build.buildrequires.get(base.nsvc.name)
    return built_on is not None and built_on.stream == base.nsvc.stream


def _required_keys(
    module: RegisteredModule, provider: ModuleProvider, settings: ExpansionSettings
) -> Iterator[tuple[str, str]]:
    for pair in module.document.dependencies:
        needed = {name: listed for name, listed in pair.requires.items() if name not in settings.base_module_names}
        yield from _keys(expand_section(needed, provider, settings), settings)


def _keys(section: Mapping[str, Sequence[str]], settings: ExpansionSettings) -> Iterator[tuple[str, str]]:
    """List name and stream of everything but base modules, which are known already."""
    for name, streams in section.items():
        if name not in settings.base_module_names:
            yield from ((name, stream) for stream in streams)


def _by_stream(modules: Iterable[NSVC]) -> dict[tuple[str, str], tuple[NSVC, ...]]:
    grouped: defaultdict[tuple[str, str], list[NSVC]] = defaultdict(list)
    for nsvc in modules:
        grouped[nsvc.name, nsvc.stream].append(nsvc)
    return {key: tuple(sorted(group, key=lambda nsvc: -nsvc.version)) for key, group in grouped.items()}
