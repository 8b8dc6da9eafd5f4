"""Default modules: what a base module adds to everything that is built on it ("Ursa Prime", §11.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mbs.expansion import ExpansionSettings
from mbs.expansion.base_modules import find_base_modules
from mbs.expansion.candidates import newest_builds, requirements
from mbs.expansion.result import ExpandedStream
from mbs.model.contexts import build_context
from mbs.model.registered import ModuleProvider, RegisteredModule


def with_default_modules(
    result: ExpandedStream,
    base: RegisteredModule,
    streams: Mapping[str, str],
    provider: ModuleProvider,
    settings: ExpansionSettings,
) -> ExpandedStream:
    """Add to what is built against the newest build of each default stream that runs on `base`.

    What the result has by another stream stays, and a stream without such a build is left out. Dependencies and
    context are still the packager's. Unlike in MBS the build context, by which reuse compares, counts what was added.
    """
    (search,) = find_base_modules([{base.nsvc.name: [base.nsvc.stream]}], provider, settings).searches
    wanted = {name: stream for name, stream in streams.items() if name not in result.buildrequires}
    chosen = {
        name: _first_that_runs_on(base, newest_builds(provider.builds(name, stream), search), settings)
        for name, stream in wanted.items()
    }
    added = {name: module for name, module in chosen.items() if module is not None}
    if not added:
        return result
    buildrequires = dict(sorted({**result.buildrequires, **added}.items()))
    hashed = build_context({name: module.nsvc.stream for name, module in buildrequires.items()})
    return replace(result, buildrequires=buildrequires, contexts=replace(result.contexts, build_context=hashed))


def _first_that_runs_on(
    base: RegisteredModule, builds: Iterable[RegisteredModule], settings: ExpansionSettings
) -> RegisteredModule | None:
    """Choose the first build whose dependencies at runtime admit `base`; MBS means to, but takes the last one seen."""
    return next((build for build in builds if _runs_on(base, build, settings)), None)


def _runs_on(base: RegisteredModule, build: RegisteredModule, settings: ExpansionSettings) -> bool:
    return any(need.admits(base) for needs in requirements(build, settings) for need in needs)
