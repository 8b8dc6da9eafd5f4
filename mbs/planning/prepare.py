"""From a request to prepared builds: the one place where a document is fetched, checked, expanded and pinned.

Pure but for the SCM and the hub. What can be wrong is collected as far as it can be known: first everything about the
document, then everything about its dependencies and components together, last the refs that do not exist.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from mbs.components.arches import ArchRules, module_arches, supported_arches
from mbs.components.record import record
from mbs.components.selection import Overrides, Selection, select, srpm_overrides
from mbs.components.tree import gather
from mbs.expansion.expand import expand
from mbs.expansion.result import ExpandedStream, Expansion, Unsatisfied
from mbs.model.document import Modulemd, PackagerV3
from mbs.model.errors import Finding, Findings, Refused, Unprocessable, bad_request, refuse, unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.plan import PlannedComponent
from mbs.model.registered import ModuleProvider, RegisteredModule
from mbs.model.versions import prefixed_version
from mbs.modulemd.rules import LONGEST_CONTEXT
from mbs.modulemd.static_contexts import InputStream, input_streams
from mbs.modulemd.submitted import from_scm, from_yaml
from mbs.planning.check import from_repository, included, pasted, with_lines
from mbs.planning.compile import PreparedBuild, base_module
from mbs.planning.default_modules import DefaultModules
from mbs.planning.hub import Hub, HubFacts
from mbs.planning.ids import unbuildable
from mbs.planning.request import Request
from mbs.scm.protocol import Ref, Scm
from mbs.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a request becomes: one build per context, in a fixed order."""

    builds: tuple[PreparedBuild, ...]
    unsatisfied: tuple[Unsatisfied, ...]
    """Combinations of streams that nothing is built for, with the reason."""


def prepare(
    request: Request,
    provider: ModuleProvider,
    scm: Scm,
    settings: Settings,
    *,
    hub: Hub | None = None,
    now: float | None = None,
    reuse_from: tuple[int, NSVC] | None = None,
) -> Submission:
    """Prepare every build of a request; raise the gravest Refused with all problems.

    `now` (seconds since 1970) is the version of a pasted document without one; `reuse_from` the id and identity of the
    build that components are to be reused from.
    """
    source = _source(request, scm, settings, time.time() if now is None else now)
    try:
        return _prepared(request, source, provider, scm, settings, hub or HubFacts(), reuse_from)
    except Refused as refused:
        raise with_lines(refused, source.text) from None


@dataclass(frozen=True, slots=True)
class _Source:
    """The document as it came, and completed with name, stream and base version."""

    document: Modulemd | PackagerV3
    text: str
    commit: str = ""


def _source(request: Request, scm: Scm, settings: Settings, now: float) -> _Source:
    if request.url is None:
        given = {"module_name": request.module_name, "module_stream": request.module_stream, "branch": request.branch}
        text = request.modulemd or ""
        read = pasted(text, settings, **given)
        return _Source(from_yaml(read, **given, now=int(now), rules=settings.rules), _decoded(text))
    branch = request.branch or settings.default_branch
    found = scm.submitted(request.url, branch)
    read = from_repository(found, branch, settings)
    committed = int(found.committed.timestamp())
    document = from_scm(read, repository=found.name, branch=branch, committed=committed, rules=settings.rules)
    return _Source(document, _decoded(found.text), found.commit)


def _prepared(
    request: Request,
    source: _Source,
    provider: ModuleProvider,
    scm: Scm,
    settings: Settings,
    hub: Hub,
    reuse_from: tuple[int, NSVC] | None,
) -> Submission:
    """Expand, select and pin what is in order by itself."""
    inputs = [
        InputStream(_with_branch(one.document, request.branch), one.static) for one in input_streams(source.document)
    ]
    defaults = DefaultModules(provider, scm, hub, settings)
    found = Findings()
    expansions = [found.of(partial(_expand, one, request, provider, settings, defaults)) for one in inputs]
    selection = found.of(partial(_select, inputs[0].document, request, scm, settings))
    found += [*_too_many(expansions, settings), *(_too_long(inputs) if request.scratch else ())]
    refuse(found)
    planner = _Planner(request, settings, source, hub, _known(selection), scm, reuse_from)
    known = [(one.document, expansion) for one, expansion in zip(inputs, expansions, strict=True) if expansion]
    builds = [planner.build(document, result) for document, expansion in known for result in expansion.results]
    return Submission(tuple(builds), tuple(bad for _, expansion in known for bad in expansion.unsatisfied))


def _expand(
    one: InputStream, request: Request, provider: ModuleProvider, settings: Settings, defaults: DefaultModules
) -> Expansion:
    expansion = expand(
        one.document,
        provider,
        settings.expansion,
        static=one.static,
        buildrequire_overrides=request.buildrequire_overrides,
        require_overrides=request.require_overrides,
        branch=request.branch,
    )
    return replace(expansion, results=tuple(defaults.added_to(result) for result in expansion.results))


def _select(document: Modulemd, request: Request, scm: Scm, settings: Settings) -> Selection:
    tree = gather(document, lambda ref: included(scm.included(ref), settings), settings.components)
    overrides = Overrides(request.rpm_component_ref_overrides, srpm_overrides(request.srpms))
    return select(tree, settings.components, overrides)


class _Planner:
    """What all builds of one submission share; refs are pinned and Koji is asked once."""

    def __init__(
        self,
        request: Request,
        settings: Settings,
        source: _Source,
        hub: Hub,
        selection: Selection,
        scm: Scm,
        reuse_from: tuple[int, NSVC] | None,
    ) -> None:
        self._request, self._settings, self._source, self._hub = request, settings, source, hub
        self._selection, self._reuse_from = selection, reuse_from
        self._commits: Mapping[Ref, str] = scm.resolve(selection.refs) if selection.refs else {}
        self._seconds = hub.build_seconds([selected.component.name for selected in selection.components])
        self._recorded: dict[tuple[str | None, tuple[str, ...]], tuple[PlannedComponent, ...]] = {}

    def build(self, document: Modulemd, result: ExpandedStream) -> PreparedBuild:
        settings = self._settings
        arches = module_arches(document.buildopts, self._supported_arches(document, result.buildrequires))
        base = base_module(result.buildrequires, settings.base_module_names)
        stream = base.nsvc.stream if base else None
        version = prefixed_version(document.version, stream, settings.stream_suffixes)
        return PreparedBuild(
            nsvc=NSVC(document.name or "", document.stream or "", version, result.context),
            expanded=result,
            document=document,
            components=self._components(document.buildopts.rpm_macros, arches),
            arches=arches,
            request=self._request,
            settings=settings,
            source_modulemd=self._source.text,
            commit=self._source.commit,
            reuse_from=self._reuse_from,
        )

    def _components(self, macros: str | None, arches: tuple[str, ...]) -> tuple[PlannedComponent, ...]:
        key = (macros, arches)
        if key not in self._recorded:
            self._recorded[key] = record(
                self._selection,
                self._commits,
                arches,
                self._settings.components,
                seconds=self._seconds,
                macros=macros,
            )
            refuse(Finding(problem, Unprocessable) for problem in unbuildable(self._recorded[key]))
        return self._recorded[key]

    def _supported_arches(self, document: Modulemd, modules: Mapping[str, RegisteredModule]) -> Sequence[str]:
        settings = self._settings
        deciding = (*settings.allowed_privileged_module_names, *settings.base_module_names)
        rules = ArchRules(settings.arches, settings.base_module_arches, deciding)
        streams = {name: module.nsvc.stream for name, module in modules.items()}
        return supported_arches(streams, document.xmd_mbs, lambda name: self._arches_of(modules[name]), rules)

    def _arches_of(self, module: RegisteredModule) -> tuple[str, ...]:
        """Ask Koji for the arches of a dependency's tag; without an answer, what was said when it was imported."""
        tag = module.koji_tag
        known = self._hub.tag_arches([tag]) if tag else {}
        return known.get(tag or "") or module.arches


def _too_many(expansions: Iterable[Expansion | None], settings: Settings) -> Iterator[Finding]:
    """Refuse what no single expansion exceeds but all of them together do (many static contexts)."""
    total = sum(len(expansion.results) for expansion in expansions if expansion)
    if total > settings.max_builds:
        yield unprocessable(
            f"The module has {total} contexts, more than the {settings.max_builds} builds that one submission may be.",
            "data",
        )


def _too_long(inputs: Iterable[InputStream]) -> Iterator[Finding]:
    """Refuse contexts of the packager that a scratch build's number does not fit behind (MBS §7.5)."""
    for context in (str(one.document.context) for one in inputs if one.static):
        if len(context) > LONGEST_CONTEXT - len("_99"):
            text = f'The context "{context}" is too long for a scratch build, which adds its number: use ten characters'
            yield bad_request(text, "data.context")


def _with_branch(document: Modulemd, branch: str | None) -> Modulemd:
    """Remember the branch, the default ref of components, where they look for it."""
    if branch is None:
        return document
    return replace(document, xmd={**document.xmd, "mbs": {**document.xmd_mbs, "branch": branch}})


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8")


def _known(selection: Selection | None) -> Selection:
    return selection or Selection(())
