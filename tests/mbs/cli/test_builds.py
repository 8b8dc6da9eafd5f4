"""`mbs watch` and `mbs retire`, over a real registry."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from mbs.cli import main
from mbs.cli.registry import RegistryBuilds
from mbs.cli.watch import watch
from mbs.model.plan import BuildPlan
from mbs.registry import ComponentState, ModuleState, Registry
from tests.conftest import record


@pytest.fixture
def build_id(registry: Registry, example_plan: BuildPlan) -> int:
    """A module build in state build."""
    recorded = record(
        registry, example_plan.nsvc, lambda allocation: replace(example_plan, build_id=allocation.build_id)
    )
    registry.builds.transition(recorded.build.id, ModuleState.BUILD, None, "test")
    return recorded.build.id


@pytest.fixture(autouse=True)
def _address(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    url = registry.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("MBS_DATABASE_URL", url)


def mbs(*words: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=answer)


def ready(registry: Registry, build_id: int) -> None:
    for state in (ModuleState.DONE, ModuleState.READY):
        registry.builds.transition(build_id, state, None, "test")


def test_a_build_is_watched_until_it_has_ended(
    registry: Registry, build_id: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def meanwhile(_: float) -> None:
        with registry.component(build_id, "alpha") as alpha:
            alpha.submitted(7)
            alpha.finished(ComponentState.FAILED, reason="alpha (x86_64): mock exited with status 1")
        registry.builds.transition(build_id, ModuleState.FAILED, "Component(s) alpha failed to build.", "test")

    assert not watch(RegistryBuilds(registry), [build_id], sleep=meanwhile)
    assert capsys.readouterr().out.splitlines() == [
        "example:1:20240102030405:9c690d0e is build",
        "example:1:20240102030405:9c690d0e alpha FAILED alpha (x86_64): mock exited with status 1",
        "example:1:20240102030405:9c690d0e is failed: Component(s) alpha failed to build.",
    ]


def test_watching_tells_by_its_status_whether_all_is_well(registry: Registry, build_id: int) -> None:
    ready(registry, build_id)
    watched = mbs("watch", build_id)
    assert (watched.exit_code, watched.stdout) == (0, "example:1:20240102030405:9c690d0e is ready\n")
    assert mbs("watch", 999).exit_code == 1


def test_a_ready_build_is_retired_after_a_question(registry: Registry, build_id: int) -> None:
    ready(registry, build_id)
    assert "Nothing was retired." in mbs("retire", "example:1", answer="n\n").stdout
    assert registry.builds.get(build_id).state is ModuleState.READY
    assert mbs("retire", "example:1:20240102030405", answer="y\n").exit_code == 0
    build = registry.builds.get(build_id)
    assert (build.state, build.state_reason) == (ModuleState.GARBAGE, "Module build retired")


def test_confirm_asks_nothing(registry: Registry, build_id: int) -> None:
    ready(registry, build_id)
    assert mbs("retire", "example:1:20240102030405:9c690d0e", "--confirm").exit_code == 0
    assert registry.builds.get(build_id).state is ModuleState.GARBAGE


@pytest.mark.usefixtures("build_id")
def test_only_ready_builds_are_retired() -> None:
    result = mbs("retire", "example:1", "--confirm")
    assert (result.exit_code, result.stderr) == (1, "There is no ready module build example:1.\n")


@pytest.mark.parametrize("name", ["example", "example:", "example:1:two", "a:b:1:c:d"])
def test_what_is_no_module_is_wrong_usage(name: str) -> None:
    assert mbs("retire", name).exit_code == 2
