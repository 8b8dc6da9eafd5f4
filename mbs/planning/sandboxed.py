"""What is done in a sandbox with the documents of strangers: they are fetched and read, and a submission is planned.

Each function takes a request and the parent, which is asked for what only the registry or Koji can say; what it gives
back is data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mbs.model.errors import InvalidModulemd
from mbs.model.registered import FinishedModules, ModuleStore, StoredModule
from mbs.modulemd.collection import collect
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import ImportRules, StoredModules
from mbs.planning.check import pasted
from mbs.planning.draft import Draft
from mbs.planning.hub import Hub
from mbs.planning.planner import CheckRequest, ImportRequest, PlanRequest
from mbs.planning.prepare import prepare
from mbs.sandbox.child import Parent
from mbs.sandbox.wire import Argument
from mbs.scm.protocol import ModuleSource, Ref, Scm, SubmittedSource
from mbs.scm.repository import GitScm
from mbs.scm.url import ScmUrl, location_of


def plan(request: PlanRequest, parent: Parent) -> tuple[Draft, ...]:
    """Plan a submission: a draft for each of its builds."""
    asked = _Asked(parent)
    return drafts(request, asked, asked, _Told(GitScm(request.settings.git), parent))


def drafts(request: PlanRequest, store: ModuleStore, hub: Hub, scm: Scm) -> tuple[Draft, ...]:
    """Plan a submission with what is at hand."""
    provider = StoredModules(store)
    submission = prepare(request.request, provider, scm, request.settings, hub=hub, reuse_from=request.reuse_from)
    return tuple(build.draft() for build in submission.builds)


def check(request: CheckRequest, _: Parent) -> None:
    """Judge a document as `mbs validate` does."""
    pasted(
        request.document,
        request.settings,
        module_name=request.module_name,
        module_stream=request.module_stream,
        branch=request.branch,
    )


def read_import(request: ImportRequest, parent: Parent) -> FinishedModules:
    """Read the documents of base modules or of finished modules; all must be good unless the request skips bad ones."""
    settings = request.settings
    rules = ImportRules(settings.base_module_names, settings.stream_suffixes, request.koji_tag_template)
    found = collect([("", _text(request, parent))], rules)
    if found.problems and not (request.skip_invalid and found.modules):
        raise InvalidModulemd(*found.problems)
    return found


def rpm_filters(texts: tuple[str, ...], _: Parent) -> tuple[tuple[str, ...], ...]:
    """Read what modules filter out of their stored documents."""
    return tuple(read_stream(text, limits=None).rpm_filter for text in texts)


def _text(request: ImportRequest, parent: Parent) -> bytes:
    if isinstance(request.document, str):
        return request.document.encode("utf-8", "surrogatepass")
    parent.doing(f"reading {request.document.repository}")
    return GitScm(request.settings.git).imported(request.document).text


_TOLD = 3
"""Hosts that a sentence names."""


class _Asked:
    """A `ModuleStore` and a `Hub`: the parent, which is asked every question once."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._answers: dict[tuple[object, ...], Any] = {}

    def streams(self, name: str) -> Sequence[str]:
        found: Sequence[str] = self._ask("streams", name)
        return found

    def builds(self, name: str, stream: str) -> Sequence[StoredModule]:
        found: Sequence[StoredModule] = self._ask("builds", name, stream)
        return found

    def base_modules(self, name: str) -> Sequence[StoredModule]:
        found: Sequence[StoredModule] = self._ask("base_modules", name)
        return found

    def tag_arches(self, tags: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        found: Mapping[str, tuple[str, ...]] = self._ask("tag_arches", tuple(sorted(tags)))
        return found

    def absent_tags(self, tags: Collection[str]) -> frozenset[str]:
        found: frozenset[str] = self._ask("absent_tags", tuple(sorted(tags)))
        return found

    def build_seconds(self, packages: Collection[str]) -> Mapping[str, float]:
        found: Mapping[str, float] = self._ask("build_seconds", tuple(sorted(packages)))
        return found

    def build_tag(self, target: str) -> str | None:
        found: str | None = self._ask("build_tag", target)
        return found

    def _ask(self, question: str, *arguments: Argument) -> Any:  # noqa: ANN401 - the answer's type is the question's
        key = question, *arguments
        if key not in self._answers:
            self._answers[key] = self._parent.ask(question, *arguments)
        return self._answers[key]


class _Told:
    """An `Scm` that tells the parent what it reads, for the sentence about a deadline that passed meanwhile."""

    def __init__(self, scm: Scm, parent: Parent) -> None:
        self._scm, self._parent = scm, parent

    def resolve(self, refs: Iterable[Ref]) -> Mapping[Ref, str]:
        wanted = list(refs)
        hosts = sorted({location.authority for ref in wanted if (location := location_of(ref.repository))})
        self._parent.doing(f"looking up refs at {', '.join(hosts[:_TOLD])}")
        return self._scm.resolve(wanted)

    def submitted(self, url: ScmUrl, branch: str) -> SubmittedSource:
        self._parent.doing(f"reading {url.repository}")
        return self._scm.submitted(url, branch)

    def included(self, ref: Ref) -> ModuleSource:
        self._parent.doing(f"reading {ref.repository}")
        return self._scm.included(ref)

    def files(self, branch: Ref, directories: Sequence[str], suffix: str) -> Mapping[str, bytes]:
        self._parent.doing(f"reading {branch.repository}")
        return self._scm.files(branch, directories, suffix)
