"""`mbs import` of many documents, over a real registry."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from mbs.cli import main
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan
from mbs.registry import ModuleState, Registry
from tests.conftest import ROOT, record
from tests.mbs.modulemd.test_collection import TEMPLATE, document, needs, nsvc

PLATFORM = ROOT / "examples" / "platform" / "platform.yaml"
GREETER = ROOT / "examples" / "modules" / "greeter" / "greeter.yaml"


@pytest.fixture(autouse=True)
def _address(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    url = registry.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("MBS_DATABASE_URL", url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two good documents around a bad one."""
    path = tmp_path / "modules.yaml"
    path.write_text(document("good") + document("bad", needs("platform: [f40]")) + document("also-good"))
    return path


def mbs(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def registered(registry: Registry) -> list[str]:
    return sorted(build.nsvc.name for build in registry.builds.find().items)


def test_nothing_of_a_file_with_a_bad_document_is_imported(registry: Registry, file: Path) -> None:
    result = mbs("import", file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        f"{file}: line 12: bad:1:20240101000000:c0ffee00: The imported module buildrequires"
    )
    assert result.stderr.endswith("--koji-tag-template fills them in from its dependencies\n")
    assert registered(registry) == []


def test_the_good_documents_are_imported_on_request_and_the_summary_says_what_was_skipped(
    registry: Registry, file: Path
) -> None:
    result = mbs("import", "--skip-invalid", file, PLATFORM)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "Module platform:f40:1:00000000 imported",
        "Module also-good:1:20240101000000:c0ffee00 imported",
        "Module good:1:20240101000000:c0ffee00 imported",
        "3 modules imported, 1 document skipped.",
    ]
    assert result.stderr.startswith(f"Skipped: {file}: line 12: bad:1:")
    assert result.stderr.count("\n") == 1
    assert registered(registry) == ["also-good", "good", "platform"]


def test_a_published_module_is_imported_with_a_template_and_can_be_built_against(
    registry: Registry, file: Path, tmp_path: Path
) -> None:
    result = mbs("import", "--koji-tag-template", TEMPLATE, file, PLATFORM)
    assert result.exit_code == 0, result.output
    tag = "module-bad-1-20240101000000-c0ffee00"
    said = f"Module bad:1:20240101000000:c0ffee00 imported (filled in: Koji tag {tag}; built against platform:f40)"
    assert said in result.stdout.splitlines()
    assert result.stdout.endswith("4 modules imported.\n")
    build = registry.builds.get(nsvc("bad"))
    assert (build.koji_tag, build.buildrequires["platform"].stream) == (tag, "f40")
    mine = tmp_path / "mine.yaml"
    mine.write_text(document("mine", needs("platform: [f40], bad: ['1']")).replace("  context: c0ffee00\n", ""))
    planned = mbs("plan", mine, "--json")
    assert planned.exit_code == 0, planned.output
    assert f'"koji_tag":"{tag}"' in planned.stdout.replace(" ", "")
    again = mbs("import", "--koji-tag-template", TEMPLATE, file)
    assert again.stdout.endswith("3 modules imported, 3 of them registered before.\n")


def test_files_are_planned_against_in_the_same_way(file: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(document("mine", needs("platform: [f40], bad: ['1']")).replace("  context: c0ffee00\n", ""))
    words = ("plan", mine, "--platform", PLATFORM, "--module", file)
    refused = mbs(*words)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert f"{file}: line 12: bad:1:" in refused.stderr
    filled = mbs(*words, "--koji-tag-template", TEMPLATE)
    assert filled.exit_code == 0, filled.output
    assert "module-bad-1-20240101000000-c0ffee00" in filled.stdout
    assert filled.stderr == "Of 3 modules the Koji tag or what they were built against was filled in.\n"
    skipped = mbs("plan", GREETER, "--branch", "1", *words[2:], "--skip-invalid", "--ref", "x=y")
    assert f"Skipped: {file}: line 12: bad:1:" in skipped.stderr


def test_what_is_being_built_here_is_not_replaced_and_told_with_the_others(
    registry: Registry, example_plan: BuildPlan, tmp_path: Path
) -> None:
    record(registry, example_plan.nsvc, lambda allocation: replace(example_plan, build_id=allocation.build_id))
    own = tmp_path / "own.yaml"
    text = document("example", version=str(example_plan.nsvc.version), context=example_plan.nsvc.context)
    own.write_text(document("good") + text)
    refused = mbs("import", own)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert f"{example_plan.nsvc} is in state wait" in refused.stderr
    assert registered(registry) == ["example"]
    skipped = mbs("import", own, "--skip-invalid")
    assert skipped.stdout.endswith("1 module imported, 1 document skipped.\n")
    assert registered(registry) == ["example", "good"]
    assert registry.builds.get(example_plan.nsvc).state is ModuleState.WAIT


def test_an_entry_without_context_does_not_break_what_is_built_against_it(registry: Registry, tmp_path: Path) -> None:
    """The first modules of Fedora have no context in `xmd.mbs.buildrequires`."""
    old = document(
        "old", needs("platform: [f40]") + "  xmd: {mbs: {buildrequires: {platform: {stream: f40, version: 1}}}}\n"
    )
    (tmp_path / "old.yaml").write_text(old)
    assert mbs("import", PLATFORM, tmp_path / "old.yaml").exit_code == 0
    entry = registry.builds.get(NSVC("old", "1", 20240101000000, "c0ffee00")).buildrequires["platform"]
    assert (entry.version, entry.context) == (1, "00000000")
    (tmp_path / "mine.yaml").write_text(
        document("mine", needs("platform: [f40], old: ['1']")).replace("  context: c0ffee00\n", "")
    )
    planned = mbs("plan", tmp_path / "mine.yaml")
    assert planned.exit_code == 0, planned.output
