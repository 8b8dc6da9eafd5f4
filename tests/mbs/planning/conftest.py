from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from mbs.model.plan import BuildPlan
from mbs.model.registered import MemoryProvider
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import imported
from mbs.planning.planner import Planner
from mbs.planning.prepare import Submission, prepare
from mbs.planning.request import read_request
from mbs.planning.sandboxed import drafts
from mbs.registry import Allocation
from mbs.scm.protocol import ModuleSource, Ref, Scm, SubmittedSource
from mbs.scm.url import ScmUrl
from mbs.settings import Settings

DOCUMENT = """\
document: modulemd
version: 2
data:
  summary: Example
  description: Example
  license: {module: [MIT]}
  dependencies:
    - buildrequires: {platform: [f28], gtk: ["1", "2"]}
      requires: {gtk: ["1", "2"]}
  buildopts: {rpms: {macros: "%example 1\\n"}}
  components:
    rpms:
      alpha: {rationale: first, buildorder: 0, ref: main}
      beta: {rationale: second, buildorder: 10, ref: main}
  xmd:
    mbs_options: {blocked_packages: [alpha], repo_include_all: FALSE}
"""

PLATFORM = """\
document: modulemd
version: 2
data:
  name: platform
  stream: f28
  version: 3
  context: "00000000"
  summary: A platform
  description: A platform
  license: {module: [MIT]}
  profiles: {buildroot: {rpms: [bash, gcc]}, srpm-buildroot: {rpms: [bash]}}
  xmd:
    mbs:
      koji_tag: module-f28-build
      koji_tag_arches: [x86_64, aarch64]
      koji_side_tag_format: "f28-build-side-{side_tag}"
"""

GTK = """\
document: modulemd
version: 2
data:
  name: gtk
  stream: "{stream}"
  version: 20180101000000
  context: c{stream}
  summary: A toolkit
  description: A toolkit
  license: {{module: [MIT]}}
  dependencies: [{{buildrequires: {{platform: [f28]}}, requires: {{platform: [f28]}}}}]
  profiles: {{buildroot: {{rpms: [gtk-tools]}}}}
  filter: {{rpms: [gtk-demo]}}
  xmd:
    mbs:
      commit: 6d0c
      koji_tag: module-gtk-{stream}
      buildrequires: {{platform: {{stream: f28, version: "3", context: "00000000", ref: "", koji_tag: x}}}}
"""

COMMIT = "c" * 40

Prepare = Callable[..., Submission]


class FakeScm:
    """One repository with one document, whose refs all exist."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.resolved: list[Ref] = []

    def resolve(self, refs: Iterable[Ref]) -> dict[Ref, str]:
        self.resolved = sorted(refs)
        return {ref: ref.name if len(ref.name) == 40 else COMMIT for ref in self.resolved}

    def submitted(self, url: ScmUrl, branch: str) -> SubmittedSource:
        assert branch == "master"
        committed = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
        return SubmittedSource(url.name, self.text.encode(), COMMIT, committed)

    def included(self, ref: Ref) -> ModuleSource:
        raise NotImplementedError(ref)

    def files(self, branch: Ref, directories: Sequence[str], suffix: str) -> dict[str, bytes]:
        raise NotImplementedError(branch, directories, suffix)


@pytest.fixture(scope="session")
def permissive() -> Settings:
    """Settings that allow to submit every way there is."""
    return Settings(
        yaml_submit_allowed=True,
        modules_allow_scratch=True,
        scmurls=("https://src.example.org/modules/",),
        rpms_default_repository="https://src.example.org/rpms/",
        rebuild_strategy_allow_override=True,
    )


@pytest.fixture(scope="session")
def provider() -> MemoryProvider:
    """The platform f28, and gtk:1 and gtk:2 on it."""
    texts = [PLATFORM, GTK.format(stream=1), GTK.format(stream=2)]
    return MemoryProvider(imported(read_stream(text), ["platform"]) for text in texts)


@pytest.fixture
def scm() -> FakeScm:
    return FakeScm(DOCUMENT)


@pytest.fixture
def scm_data() -> dict[str, Any]:
    """A submission by SCM URL."""
    return {"scmurl": f"https://src.example.org/modules/app.git?#{COMMIT}", "branch": "master"}


@pytest.fixture
def prepared(provider: MemoryProvider, scm: FakeScm, permissive: Settings) -> Prepare:
    def run(data: dict[str, Any], settings: Settings = permissive, **more: Any) -> Submission:
        return prepare(read_request(data, "pat", settings), provider, scm, settings, now=0, **more)

    return run


def at_hand(scm: Scm) -> Planner:
    """Plan in this process, with the given repositories."""
    return lambda order, store, hub: drafts(order, store, hub, scm)


def plans_of(submission: Submission) -> list[BuildPlan]:
    return [
        build.make_plan(Allocation(number, 7, build.nsvc)) for number, build in enumerate(submission.builds, start=7)
    ]
