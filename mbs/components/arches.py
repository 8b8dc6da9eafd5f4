"""For which arches a module, and each of its components, is built."""

from __future__ import annotations

from collections.abc import Sequence

from mbs.errors import Problem, Unprocessable
from mbs.modulemd.document import BuildOpts, RpmComponent


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
