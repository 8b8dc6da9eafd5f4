"""The whole way on real repositories: a submission, the module that it includes, and the packages of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mbs.components import ComponentSettings
from mbs.components.record import record
from mbs.components.selection import select
from mbs.components.tree import gather
from mbs.model.document import Modulemd
from mbs.model.errors import Unprocessable
from mbs.modulemd.reader import read_stream
from mbs.scm.git import GitSettings
from mbs.scm.protocol import Ref
from mbs.scm.repository import GitScm
from mbs.scm.url import ScmRules, submitted_url
from mbs.settings import Settings

if TYPE_CHECKING:
    from tests.mbs.scm.conftest import GitRepository

STACK = """\
document: modulemd
version: 2
data:
  summary: Stack
  description: A module that includes another.
  license: {module: [MIT]}
  dependencies: [{buildrequires: {platform: []}, requires: {platform: []}}]
  components:
    modules:
      base: {rationale: Included., ref: main}
    rpms:
      app: {rationale: The application., ref: v1, buildorder: 10}
"""
BASE = """\
document: modulemd
version: 2
data:
  summary: Base
  description: An included module.
  license: {module: [MIT]}
  dependencies: [{buildrequires: {platform: []}, requires: {platform: []}}]
  components:
    rpms:
      lib: {rationale: A library.}
"""
SCM = GitScm(GitSettings(allow_local=True, retry_interval=0.01))


@pytest.fixture
def settings(tmp_path: Path) -> ComponentSettings:
    return Settings(
        rpms_default_repository=f"file://{tmp_path}/rpms/",
        modules_default_repository=f"file://{tmp_path}/modules/",
        default_branch="main",
    ).components


@pytest.fixture
def stack(make_repository: type[GitRepository], tmp_path: Path) -> Modulemd:
    """The submitted module; `lib` has a branch, `app` a tag."""
    make_repository(tmp_path / "modules/base").commit("base.yaml", BASE)
    make_repository(tmp_path / "rpms/lib").commit("lib.spec", "Name: lib\n")
    app = make_repository(tmp_path / "rpms/app")
    app.commit("app.spec", "Name: app\n")
    app.git("tag", "v1")
    submitted = make_repository(tmp_path / "modules/stack")
    commit = submitted.commit("stack.yaml", STACK)
    rules = ScmRules(prefixes=("file://",), allow_local=True)
    return read_stream(SCM.submitted(submitted_url(f"{submitted.url}?#{commit}", rules), "main").text)


def test_components_of_both_modules_are_pinned_and_ordered(
    stack: Modulemd, settings: ComponentSettings, tmp_path: Path
) -> None:
    selection = select(gather(stack, lambda ref: read_stream(SCM.included(ref).text), settings), settings)
    commits = SCM.resolve(selection.refs)
    lib, app = record(selection, commits, ("x86_64",), settings)
    rpms = f"file://{tmp_path}/rpms"
    assert (lib.name, lib.batch, lib.included_from) == ("lib", 1, "base:main")
    assert (app.name, app.batch, app.included_from) == ("app", 2, None)
    assert lib.source == f"{rpms}/lib?#{commits[Ref(f'{rpms}/lib', 'main')]}"
    assert app.source == f"{rpms}/app?#{commits[Ref(f'{rpms}/app', 'v1')]}"


def test_an_included_module_that_is_not_there_is_told_with_its_place(stack: Modulemd, tmp_path: Path) -> None:
    elsewhere = Settings(modules_default_repository=f"file://{tmp_path}/nowhere/").components
    with pytest.raises(
        Unprocessable, match=r"^Failed to get the latest commit for file:.*/nowhere/base#main$"
    ) as caught:
        gather(stack, lambda ref: read_stream(SCM.included(ref).text), elsewhere)
    assert [problem.where for problem in caught.value.problems] == ["data.components.modules.base"]
