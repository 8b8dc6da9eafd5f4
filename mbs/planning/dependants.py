"""Which modules to build again because a stream that they are built against has a new build; pure decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, Strategy
from mbs.planning.request import Request
from mbs.registry.rows import ModuleBuildRow

NameStream = tuple[str, str]


def dependants(
    ready: NSVC, builds: Iterable[ModuleBuildRow], unfinished: Collection[NameStream]
) -> tuple[ModuleBuildRow, ...]:
    """Choose what to build again now that `ready` is there; one build for each module and stream.

    `builds` are all ready builds. Of each stream the newest counts, if it was built here and against an older build of
    the stream that is ready. Left out are streams with a build under way (`unfinished`), and what `ready` is itself
    built with, directly or not: two modules that need each other would rebuild each other for ever.
    """
    newest = _newest(builds)
    needed = _needed_by((ready.name, ready.stream), newest)
    return tuple(
        build
        for key, build in sorted(newest.items())
        if build.plan_digest and key not in needed and key not in unfinished and _is_behind(build, ready)
    )


def resubmission(build: ModuleBuildRow, plan: BuildPlan, ready: NSVC) -> Request:
    """Give what to submit: the same document with the same commits, all built again, against the stream that is ready.

    The commit of the document would have the version that exists, so the document is pasted and gets a new one. Nothing
    is reused, because reuse asks for the streams of the dependencies and not for their builds. The owner stays. None of
    this is a packager's wish, so that no setting forbids it.
    """
    own = (component for component in plan.components if not component.included_from)
    return Request(
        owner=build.owner,
        rebuild_strategy=Strategy.ALL,
        modulemd=plan.source_modulemd,
        module_name=build.nsvc.name,
        module_stream=build.nsvc.stream,
        buildrequire_overrides={ready.name: (ready.stream,)},
        rpm_component_ref_overrides={component.name: component.ref for component in own if component.ref},
    )


def _newest(builds: Iterable[ModuleBuildRow]) -> dict[NameStream, ModuleBuildRow]:
    newest: dict[NameStream, ModuleBuildRow] = {}
    for build in builds:
        key = (build.nsvc.name, build.nsvc.stream)
        if key not in newest or newest[key].nsvc.version < build.nsvc.version:
            newest[key] = build
    return newest


def _needed_by(key: NameStream, newest: Mapping[NameStream, ModuleBuildRow]) -> set[NameStream]:
    """Give a stream and all that it is built with."""
    found: set[NameStream] = set()
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            entries = newest[one].buildrequires if one in newest else {}
            waiting += [(name, entry.stream) for name, entry in entries.items()]
    return found


def _is_behind(build: ModuleBuildRow, ready: NSVC) -> bool:
    entry = build.buildrequires.get(ready.name)
    return entry is not None and entry.stream == ready.stream and entry.version < ready.version
