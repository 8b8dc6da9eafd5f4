"""Default modules of a platform, their streams from real git repositories."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mbs.model.contexts import build_context
from mbs.model.errors import Unprocessable
from mbs.model.plan import BuildPlan
from mbs.model.registered import MemoryProvider
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import imported
from mbs.planning.compile import PreparedBuild
from mbs.planning.hub import HubFacts
from mbs.planning.prepare import prepare
from mbs.planning.request import read_request
from mbs.registry import Allocation
from mbs.scm.git import GitSettings
from mbs.scm.protocol import PinnedScm
from mbs.scm.repository import GitScm
from mbs.settings import Settings
from tests.mbs.planning.conftest import DOCUMENT, GTK, PLATFORM
from tests.mbs.scm.conftest import GitRepository

DEFAULTS = 'document: modulemd-defaults\nversion: 1\ndata:\n  module: {}\n  stream: "{}"\n'
APP = DOCUMENT.replace('gtk: ["1", "2"]', 'gtk: ["1"]').replace("ref: main", f"ref: {'c' * 40}")


@dataclass
class Distribution:
    """A platform with default modules, what is built on it, and the repository of its default streams."""

    defaults: GitRepository
    settings: Settings
    flags: dict[str, object] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    hub: HubFacts = field(default_factory=HubFacts)

    def build(self) -> PreparedBuild:
        flags = json.dumps(self.flags)[1:-1]
        platform = PLATFORM.replace("koji_tag: module-f28-build", f"koji_tag: module-f28-build\n      {flags}")
        texts = [platform, GTK.format(stream=1), *self.modules]
        provider = MemoryProvider(imported(read_stream(text), ["platform"]) for text in texts)
        request = read_request({"modulemd": APP, "module_name": "app", "module_stream": "1"}, "pat", self.settings)
        scm = PinnedScm(GitScm(GitSettings(allow_local=True, attempts=1)))
        (build,) = prepare(request, provider, scm, self.settings, hub=self.hub, now=0).builds
        return build

    def plan(self) -> BuildPlan:
        build = self.build()
        return build.make_plan(Allocation(1, 1, build.nsvc))


def module(name: str, stream: str, context: str = "c1", requires: str = "{platform: [f28]}") -> str:
    """A module built on f28."""
    text = (
        GTK.format(stream=stream)
        .replace("name: gtk", f"name: {name}")
        .replace(f"context: c{stream}", f"context: {context}")
    )
    return text.replace("requires: {platform: [f28]}}]", f"requires: {requires}}}]").replace(
        "module-gtk", f"module-{name}"
    )


@pytest.fixture
def distribution(tmp_path: Path, permissive: Settings) -> Distribution:
    defaults = GitRepository(tmp_path / "defaults")
    (defaults.path / "overrides").mkdir()
    defaults.commit("perl.yaml", DEFAULTS.format("perl", "5.26"))
    defaults.commit("gtk.yaml", DEFAULTS.format("gtk", "2"))
    defaults.commit("overrides/perl.yaml", DEFAULTS.format("perl", "5.30"))
    defaults.git("branch", "f28")
    made = Distribution(defaults, replace(permissive, default_modules_scm_url=defaults.url))
    made.flags = {"use_default_modules": True}
    made.modules = [module("perl", "5.26"), module("perl", "5.30")]
    return made


def against(plan: BuildPlan) -> dict[str, str]:
    return {one.name: one.stream for one in plan.dependencies}


def test_a_default_module_is_built_against_and_written_down_like_a_dependency(distribution: Distribution) -> None:
    plan = distribution.plan()
    assert [(one.name, one.stream, one.priority) for one in plan.dependencies] == [
        ("gtk", "1", 10),
        ("perl", "5.30", 20),
        ("platform", "f28", 30),
    ]
    document = read_stream(plan.modulemd)
    entries = document.xmd_mbs["buildrequires"]
    assert isinstance(entries, dict)
    assert entries["perl"] == {
        "ref": "6d0c",
        "stream": "5.30",
        "version": "20180101000000",
        "context": "c1",
        "koji_tag": "module-perl-5.30",
    }


def test_dependencies_and_context_are_those_without_default_modules(distribution: Distribution) -> None:
    with_defaults = distribution.plan()
    distribution.flags = {}
    without = distribution.plan()
    assert against(without) == {"gtk": "1", "platform": "f28"}
    assert with_defaults.nsvc == without.nsvc
    documents = [read_stream(plan.modulemd) for plan in (with_defaults, without)]
    assert documents[0].dependencies == documents[1].dependencies


def test_the_base_module_may_name_its_repository(distribution: Distribution) -> None:
    distribution.settings = replace(distribution.settings, default_modules_scm_url="file:///nowhere")
    distribution.flags = {"default_modules_scm_url": distribution.defaults.url}
    assert against(distribution.plan())["perl"] == "5.30"


@pytest.mark.parametrize("requires", ["{platform: [f27]}", "{gtk: ['1']}", "{}", "{platform: [-f28]}"])
def test_a_build_that_does_not_run_on_the_base_module_is_left_out(
    distribution: Distribution, requires: str, caplog: pytest.LogCaptureFixture
) -> None:
    distribution.modules = [module("perl", "5.30", requires=requires)]
    assert "perl" not in against(distribution.plan())
    assert caplog.messages == ["No build of the default module perl:5.30 runs on platform:f28"]


def test_the_first_context_that_runs_on_the_base_module_is_taken(distribution: Distribution) -> None:
    distribution.modules = [
        module("perl", "5.30", "a", "{platform: [f27]}"),
        module("perl", "5.30", "b", "{platform: []}"),
        module("perl", "5.30", "c"),
    ]
    (perl,) = (one for one in distribution.plan().dependencies if one.name == "perl")
    assert perl.context == "b"


def test_rawhide_has_its_defaults_in_a_branch_of_its_own(distribution: Distribution) -> None:
    distribution.defaults.git("branch", "-m", "f28", "rawhide")
    distribution.settings = replace(distribution.settings, rawhide_branch="rawhide")
    distribution.hub = HubFacts(build_tag_by_target={"rawhide": "f28-build"})
    assert against(distribution.plan())["perl"] == "5.30"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"uses_rawhide": False}, "The branch f28 of file://"),
        ({"rawhide_branch": "gone"}, "The branch f28 of file://"),
        ({"default_modules_scm_url": "ext::sh"}, "The repository 'ext::sh' is not a URL that can be used."),
    ],
)
def test_defaults_that_cannot_be_read_are_explained(
    distribution: Distribution, changed: dict[str, Any], message: str
) -> None:
    distribution.defaults.git("branch", "-D", "f28")
    distribution.settings = replace(distribution.settings, **changed)
    with pytest.raises(Unprocessable) as caught:
        distribution.plan()
    (problem,) = caught.value.problems
    assert problem.message.startswith(f"Failed to retrieve the default modules of platform:f28: {message}")


def test_reuse_compares_what_is_built_against_default_modules_included(distribution: Distribution) -> None:
    build = distribution.build().draft()
    assert build.build_context == build_context({"gtk": "1", "perl": "5.30", "platform": "f28"})
