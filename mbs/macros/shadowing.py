"""What module-build-macros conflicts with, asked of Koji right before it is built (§11 step 8, §11.7).

MBS asks at submission and keeps the answer in `xmd.mbs` for good; here a module that is rebuilt months later, or whose
dependency got another filter, is built with what is true then. What the document says already is taken as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mbs.errors import NotFound
from mbs.koji.faults import accepted
from mbs.koji.session import Hub, call
from mbs.modulemd.reader import read_stream
from mbs.plan import BuildPlan, PlannedDependency
from mbs.publish.documents import NOARCH
from mbs.registry.registry import Registry

FILTERED = "filtered_rpms"
SHADOWED = "ursine_rpms"


def completed_xmd(hub: Hub, registry: Registry, plan: BuildPlan, *, collisions: bool) -> dict[str, object]:
    """Give `xmd.mbs` of the plan's document with the filtered RPMs of every dependency.

    With `collisions` also the RPMs of base modules that another dependency brings under the same name. Raises HubAway,
    HubRefused.
    """
    xmd = dict(read_stream(plan.modulemd, limits=None).xmd_mbs)
    found = xmd.get("buildrequires")
    entries = found if isinstance(found, Mapping) else {}
    absent = [one for one in plan.dependencies if FILTERED not in entries.get(one.name, {FILTERED: ()})]
    filtered = _filtered(hub, {one: _filter(registry, one) for one in absent})
    xmd["buildrequires"] = {
        name: {**entry, FILTERED: filtered[name]} if name in filtered else entry for name, entry in entries.items()
    }
    if collisions and SHADOWED not in xmd:
        xmd[SHADOWED] = _colliding(hub, plan.dependencies)
    return xmd


def _filter(registry: Registry, dependency: PlannedDependency) -> Collection[str]:
    """Give the names that a dependency filters, those of its `buildonly` components included.

    Its final document has them all; a module that was built elsewhere has only the one it was registered with.
    """
    try:
        build = registry.build(dependency.nsvc)
    except NotFound:
        return ()
    final = (row.text for row in registry.documents(build.id) if (row.name, row.arch) == (dependency.name, NOARCH))
    return read_stream(next(final, None) or registry.modulemd(build.id), limits=None).rpm_filter


def _filtered(hub: Hub, filters: Mapping[PlannedDependency, Collection[str]]) -> dict[str, list[str]]:
    """Give the RPMs that dependencies filter, by dependency, each as `name-epoch:version-release`."""
    asked = [one for one, names in filters.items() if names and one.koji_tag]
    answers = hub.multicall(call("listTaggedRPMS", one.koji_tag, latest=True) for one in asked)
    found = {one: accepted(answer)[0] for one, answer in zip(asked, answers, strict=True)}
    return {
        one.name: sorted({nevr for name, nevr in _binaries([found.get(one, ())]) if name in names})
        for one, names in filters.items()
    }


def _colliding(hub: Hub, dependencies: Iterable[PlannedDependency]) -> list[str]:
    """Give the RPMs of base modules whose name another dependency has too, with another version.

    External repositories of the tags are not looked into.
    """
    asked = [one for one in dependencies if one.koji_tag]
    answers = hub.multicall(call("listTaggedRPMS", one.koji_tag, latest=True, inherit=True) for one in asked)
    found = [(one.base, accepted(answer)[0]) for one, answer in zip(asked, answers, strict=True)]
    base = set(_binaries(rpms for is_base, rpms in found if is_base))
    others = set(_binaries(rpms for is_base, rpms in found if not is_base))
    names = {name for name, _ in others}
    return sorted(nevr for name, nevr in base - others if name in names)


def _binaries(answers: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    """Give name and NEVR of all RPMs; the spec of the macros cannot conflict with source RPMs."""
    return ((rpm["name"], _nevr(rpm)) for rpms in answers for rpm in rpms if rpm["arch"] != "src")


def _nevr(rpm: Mapping[str, Any]) -> str:
    return f"{rpm['name']}-{rpm['epoch'] or 0}:{rpm['version']}-{rpm['release']}"
