"""What the builders are told, and what they refuse to be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devhub.daemon import BuilderSettings
from devhub.settings import Settings, SettingsRefused, read_seed


def hub_settings(state: Path, options: dict[str, Any], **builder: object) -> Settings:
    return Settings(state=state, builders=3, seed={"builder": builder}, builder_options=options)


def test_options_of_the_command_win_over_the_yaml_file(tmp_path: Path) -> None:
    settings = BuilderSettings.of(
        hub_settings(tmp_path, {"latency": "repo=fixed:2"}, latency="repo=fixed:1", assume=[])
    )
    assert settings.latency.seconds("repo", "x") == 2
    assert (settings.assume, settings.builders) == ((), 3)


def test_directories_do_not_depend_on_where_the_hub_is_started() -> None:
    settings = BuilderSettings.of(hub_settings(Path("var/devhub"), {}))
    assert settings.files == Path.cwd() / "var/devhub/files"
    assert settings.scratch == Path.cwd() / "var/devhub/scratch"


def test_the_yaml_that_comes_with_devhub_is_accepted(tmp_path: Path) -> None:
    settings = BuilderSettings.of(Settings(state=tmp_path, seed=read_seed()))
    assert "gcc*" in settings.assume


@pytest.mark.parametrize(
    ("builder", "sentence"),
    [
        ({"assumed": []}, "unknown key assumed"),
        ({"assume": "gcc"}, "assume must be a list of globs"),
        ({"build_timeout": "long"}, "build_timeout must be a number of at least 0, not 'long'"),
        ({"latency": "build=zipf:1"}, "unknown distribution 'zipf'"),
        ({"time_scale": "fast"}, "could not convert"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, builder: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsRefused, match=sentence) as refusal:
        BuilderSettings.of(hub_settings(tmp_path, {}, **builder))
    assert "\n" not in str(refusal.value)


def test_a_state_directory_that_rpmbuild_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="rpmbuild needs a path of letters"):
        BuilderSettings.of(hub_settings(tmp_path / "my state", {}))
