"""For which arches a module, and each of its components, is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mbs.model.document import BuildOpts, RpmComponent, texts_of
from mbs.model.errors import Problem, Unprocessable


@dataclass(frozen=True, slots=True)
class ArchRules:
    """Where arches come from; the names are MBS's options."""

    arches: tuple[str, ...]
    """For modules that nothing else decides about."""
    base_module_arches: Mapping[str, tuple[str, ...]]
    """By `name:stream` of a build dependency."""
    deciding_modules: tuple[str, ...]
    """Build dependencies whose Koji tag decides: `allowed_privileged_module_names`, then `base_module_names`."""


def supported_arches(
    build_streams: Mapping[str, str],
    xmd_mbs: Mapping[str, object],
    tag_arches: Callable[[str], Sequence[str]],
    rules: ArchRules,
) -> tuple[str, ...]:
    """Give the arches that a module's build dependencies support; the first rule that applies decides (§11).

    `build_streams` are the resolved build dependencies, `xmd_mbs` is the module's own, `tag_arches` gives the
    arches of the Koji tag of a build dependency, by its name, as far as they are known; it is asked where it decides.
    """
    for name, stream in build_streams.items():
        if f"{name}:{stream}" in rules.base_module_arches:
            return tuple(rules.base_module_arches[f"{name}:{stream}"])
    if own := texts_of(xmd_mbs.get("koji_tag_arches")):
        return own
    deciding = (tag_arches(name) for name in rules.deciding_modules if name in build_streams)
    return tuple(next((arches for arches in deciding if arches), rules.arches))


def module_arches(buildopts: BuildOpts, supported: Sequence[str]) -> tuple[str, ...]:
    """Give the arches of a module: those of `buildopts.arches`, else all that its build dependencies support.

    Raises `Unprocessable` for arches that are not supported; in MBS that check never takes effect (§11).
    """
    unsupported = sorted(set(buildopts.arches) - set(supported))
    if unsupported:
        message = "The following buildopts arches are not supported with these buildrequires"
        raise Unprocessable(Problem(f"{message}: {', '.join(unsupported)}", "data.buildopts.arches"))
    wanted = set(buildopts.arches) or set(supported)
    return tuple(arch for arch in dict.fromkeys(supported) if arch in wanted)


def component_arches(component: RpmComponent, arches: Sequence[str], *, override: bool) -> tuple[str, ...]:
    """Give those of the module's arches that a component is built for; none means that it is built nowhere.

    Without `override` the hub cannot be told, builds all arches of the tag, and so all of them it is (§14.1).
    """
    if not override or not component.arches:
        return tuple(arches)
    return tuple(arch for arch in arches if arch in component.arches)
