from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from mbs.settings import InvalidSettings, Settings
from mbs.settings.sources import load
from tests.conftest import ROOT
from tools.reference import field_docs


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
        "scm_net_timeout": "inf",
    }
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_mapping(wrong)
    assert {problem.where for problem in refused.value.problems} == set(wrong)
    assert "colour: there is no such setting" in str(refused.value)


def test_every_setting_is_documented() -> None:
    assert set(field_docs(Settings)) == {each.name for each in fields(Settings)}


def read_settings(package: str) -> Iterator[str]:
    """Give the names that a package reads of settings: `settings.arches`, `settings().arches`, of `rules` likewise."""
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and re.search(
                r"\b_?(settings|current|rules)(\(\))?$", ast.unparse(node.value)
            ):
                yield node.attr


def test_every_setting_has_a_reader() -> None:
    """`Settings` itself hands on what stands under other names in its parts; `hints` looks at repositories by name."""
    handed_on = {"scmurls", "allow_custom_scmurls", "allow_local_scmurls"}
    handed_on |= {"scm_net_timeout", "scm_net_retry_interval", "scm_max_fetch"}
    handed_on |= {"submission_deadline", "submission_memory"}
    read = {name for package in ("mbs", "operators", "dags", "plugins") for name in read_settings(package)}
    assert {each.name for each in fields(Settings)} - read - handed_on == set()


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


def test_in_a_checkout_the_registry_and_airflow_are_found_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert settings.database_url == f"postgresql://postgres@/mbs?host={ROOT}/var/postgres"
    assert settings.api_url == "http://localhost:8080"


def test_a_named_home_is_the_only_place_that_is_looked_in(tmp_path: Path) -> None:
    assert load({"AIRFLOW_HOME": str(tmp_path)}) == Settings()
    assert load({"AIRFLOW_CONFIG": str(tmp_path / "other.cfg")}) == Settings()


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
