from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from mbs.fielddocs import field_docs
from mbs.settings import InvalidSettings, Settings
from mbs.settings_sources import load


def test_values_are_read_by_their_types() -> None:
    settings = Settings.from_mapping(
        {
            "arches": "x86_64, aarch64,\n s390x",
            "modules_allow_scratch": "True",
            "max_builds": "7",
            "scm_net_timeout": "2.5",
            "stream_suffixes": '{"rhel.*": 1}',
            "base_module_arches": '{"platform:f29": ["x86_64"]}',
            "koji_tag_permission": "",
        }
    )
    assert settings.arches == ("x86_64", "aarch64", "s390x")
    assert settings.modules_allow_scratch is True
    assert settings.max_builds == 7
    assert settings.git.timeout == 2.5
    assert settings.expansion.stream_suffixes == {"rhel.*": 1.0}
    assert settings.base_module_arches == {"platform:f29": ("x86_64",)}
    assert settings.koji_tag_permission == ""


def test_all_problems_are_told_at_once() -> None:
    wrong = {
        "max_builds": "many",
        "modules_allow_scratch": "perhaps",
        "stream_suffixes": "[]",
        "scratch_build_only_branches": "(",
        "arches": "",
        "rebuild_strategy": "none",
        "koji_cg_build_tag_template": "candidate",
        "colour": "blue",
        "net_timeout": "inf",
    }
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_mapping(wrong)
    assert {problem.where for problem in refused.value.problems} == set(wrong)
    assert "colour: there is no such setting" in str(refused.value)


def test_every_setting_is_documented() -> None:
    assert set(field_docs(Settings)) == {each.name for each in fields(Settings)}


def test_the_parts_have_the_values_of_the_whole() -> None:
    settings = Settings(base_module_names=("a", "b"), rpms_allow_repository=True, allow_local_scmurls=True)
    assert settings.expansion.base_module_names == ("a", "b")
    assert settings.components.rpms_allow_repository
    assert settings.scm_rules.allow_local
    assert settings.git.allow_local


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[core]\nx = %(y)s\n[mbs]\nmax_builds = 3\nrebuild_strategy = all\n")
    home = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__MBS__MAX_BUILDS": "4"}
    settings = load(home)
    assert (settings.max_builds, settings.rebuild_strategy) == (4, "all")
    url = {"AIRFLOW__MBS__DATABASE_URL": "postgresql://a", "MBS_DATABASE_URL": "postgresql://b"}
    assert load({"AIRFLOW_HOME": str(tmp_path), **url}).database_url == "postgresql://b"


def test_without_a_file_the_defaults_count(tmp_path: Path) -> None:
    assert load({"AIRFLOW_HOME": str(tmp_path)}) == Settings()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.cfg").write_text("[mbs\n")
    with pytest.raises(InvalidSettings, match=r"broken\.cfg"):
        load({"AIRFLOW_CONFIG": str(tmp_path / "broken.cfg")})


def test_variables_in_the_file_are_expanded_as_airflow_does(tmp_path: Path) -> None:
    lines = "rpms_default_repository = file://$AIRFLOW_HOME/rpms/\nscratch_build_only_branches = ^private-.*$\n"
    (tmp_path / "airflow.cfg").write_text(f"[mbs]\n{lines}")
    settings = load({"AIRFLOW_CONFIG": str(tmp_path / "airflow.cfg")})
    assert settings.rpms_default_repository == f"file://{tmp_path}/rpms/"
    assert settings.scratch_build_only_branches == ("^private-.*$",)
