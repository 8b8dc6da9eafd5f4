"""What is said of the settings, the registry, Airflow, this machine and the sources."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mbs.cli.doctor import account, service, sources
from mbs.cli.doctor.finding import Finding, Verdict
from mbs.cli.doctor.sources import Source
from mbs.model.errors import InvalidRequest, MbsError
from mbs.registry import Registry
from mbs.settings import Settings
from mbs.settings.sources import load
from tests.conftest import ROOT

SENSIBLE = Settings(allowed_groups=())


def wrong(findings: Iterable[Finding]) -> list[str]:
    return [f"{one.text} | {one.remedy}" for one in findings if one.verdict is Verdict.WRONG]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (replace(SENSIBLE, scmurls=()), "nothing may be submitted"),
        (replace(SENSIBLE, scmurls=("file:///srv/",)), "scmurls names file://"),
        (replace(SENSIBLE, rpms_default_repository="file:///srv/"), "rpms_default_repository names file://"),
        (replace(SENSIBLE, scratch_build_only_branches=("^private-",)), "modules_allow_scratch = True"),
        (replace(SENSIBLE, base_module_arches={"perl:5": ("x86_64",)}), "base_module_arches has perl:5"),
        (replace(SENSIBLE, koji_tag_prefixes=("module",)), "koji_tag_prefixes lacks scrmod"),
    ],
)
def test_settings_that_contradict_each_other_are_told(settings: Settings, said: str) -> None:
    (line,) = wrong(service.judge_settings(settings))
    assert said in line


def test_a_form_that_is_told_no_groups_is_told_of() -> None:
    (form,) = service.judge_settings(Settings())
    assert form.verdict is Verdict.UNSEEN
    assert form.text.startswith("nobody may submit by Airflow's form, which is not told who is in packager")


@pytest.mark.parametrize("environ", [{}, {"AIRFLOW__MBS__ALLOWED_GROUPS": "", "AIRFLOW_CONFIG": "/nowhere"}])
def test_the_settings_of_a_checkout_and_the_defaults_with_users_agree(environ: dict[str, str]) -> None:
    assert wrong(service.judge_settings(load({"AIRFLOW_HOME": str(ROOT), **environ}))) == []


def test_a_registry_without_a_base_module_is_wrong(registry: Registry) -> None:
    facts = service.look_at_registry(registry, SENSIBLE)
    assert wrong(service.judge_registry(facts, SENSIBLE)) == [
        "no base module (platform) is registered, so nothing can be built | mbs import platform.yaml"
    ]


def test_a_registry_that_is_not_migrated_is_wrong() -> None:
    (line,) = wrong(service.judge_registry(service.RegistryFacts(current=False), SENSIBLE))
    assert line.endswith("| mbs db upgrade")


HEALTHY = dict.fromkeys(service.COMPONENTS, "healthy")
POOL = {"slots": 20}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (service.AirflowFacts({**HEALTHY, "dag_processor": "None"}, POOL), "airflow dag-processor"),
        (service.AirflowFacts(HEALTHY, None), "Airflow has no pool koji_builds, so no build could start | mbs pools"),
        (service.AirflowFacts(HEALTHY, POOL | {"slots": 0}), "has no slots"),
    ],
)
def test_an_airflow_that_would_start_no_build_is_wrong(facts: service.AirflowFacts, said: str) -> None:
    (line,) = wrong(service.judge_airflow(facts))
    assert said in line


def test_a_pool_that_may_not_be_seen_is_not_wrong() -> None:
    assert wrong(service.judge_airflow(service.AirflowFacts(HEALTHY, refusal="403 Forbidden"))) == []


def test_secrets_that_others_may_read_are_wrong() -> None:
    tools = {"git": True, "rpmbuild": True}
    modes = {Path("a"): 0o100600, Path("b"): 0o100640, Path("c"): None}
    assert wrong(service.judge_machine(service.MachineFacts(tools, modes))) == [
        "airflow.cfg reads keys that are not there: c | `make demo`, or see deploy.md",
        "others than the owner may read b | chmod 600 b",
    ]
    assert wrong(service.judge_machine(service.MachineFacts({"git": True, "rpmbuild": False}))) == [
        "rpmbuild is not on PATH; it makes the SRPM of module-build-macros | make install"
    ]


def test_keys_that_come_from_elsewhere_need_no_files() -> None:
    commands = {"AIRFLOW__CORE__FERNET_KEY_CMD": "cat var/secrets/fernet_key", "AIRFLOW__API__SECRET_KEY_CMD": "pass k"}
    assert service.secret_files(commands, {}, Path("/srv")) == [Path("/srv/var/secrets/fernet_key")]
    for name in ("AIRFLOW__CORE__FERNET_KEY_CMD", "AIRFLOW__CORE__FERNET_KEY"):
        assert service.secret_files(commands, {name: "x"}, Path("/srv")) == []


def test_places_that_answer_are_told_from_those_that_do_not(tmp_path: Path) -> None:
    (tmp_path / "rpms").mkdir()
    settings = replace(
        SENSIBLE,
        scmurls=("http://127.0.0.1:9/modules/", f"file://{tmp_path}/"),
        rpms_default_repository=f"file://{tmp_path}/rpms/",
        modules_default_repository=f"file://{tmp_path}/absent/",
        allow_local_scmurls=True,
    )
    found = {source.url.rpartition("/")[0].rpartition("/")[2]: source.away for source in sources.look(settings)}
    assert (found["rpms"], found[tmp_path.name]) == ("", "")
    assert "Failed to connect" in found["modules"]
    assert found["absent"] == f"there is no directory {tmp_path}/absent"


def test_one_of_several_places_for_modules_may_be_away_but_not_all() -> None:
    good, bad = Source("https://a/", ("scmurls",)), Source("https://b/", ("scmurls",), "no answer")
    assert wrong(sources.judge([good, bad])) == []
    assert len(wrong(sources.judge([bad]))) == 1
    assert len(wrong(sources.judge([good, Source("https://c/", ("rpms_default_repository",), "no answer")]))) == 1


def never() -> dict[str, Any]:
    raise MbsError("Airflow is away")


CONNECTION = {"conn_type": "koji", "host": "https://file/kojihub", "login": "mbs", "password": "p"}


def test_the_first_place_that_names_a_hub_counts(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"koji_default": CONNECTION}))
    environ = {"MBS_KOJI_HUB": "https://hub/kojihub", "MBS_KOJI_USER": "u", "MBS_KOJI_PASSWORD": "q"}
    variable = {"AIRFLOW_CONN_KOJI_DEFAULT": "koji://mbs:p%40ss@koji.example.org:8443/https"}
    found = account.find(environ | variable, file, never)
    assert (found.account.hub_url, found.account.user, found.account.password) == ("https://hub/kojihub", "u", "q")
    found = account.find(variable, file, never)
    assert (found.account.hub_url, found.account.password) == ("https://koji.example.org:8443/kojihub", "p@ss")
    assert account.find({}, file, never).account.hub_url == "https://file/kojihub"
    with pytest.raises(MbsError, match="Airflow is away"):
        account.find({}, tmp_path / "none.json", never)


def test_a_password_that_airflow_masks_is_not_used_but_may_be_given() -> None:
    masked = CONNECTION | {"password": "***", "extra": '{"authentication": "password"}'}
    found = account.find({}, None, lambda: masked)
    assert (found.account.authentication, found.account.password, found.secret) == ("none", None, False)
    given = account.find({"MBS_KOJI_USER": "mbs", "MBS_KOJI_PASSWORD": "p"}, None, lambda: masked)
    assert (given.account.authentication, given.account.password, given.secret) == ("password", "p", True)


@pytest.mark.parametrize("text", ["{", '{"host": 1', "[]", "koji://mbs:geheim@host:port/"])
def test_a_variable_that_cannot_be_read_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        account.find({"AIRFLOW_CONN_KOJI_DEFAULT": text}, None, never)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", '{"mbs_registry": {}}', '{"koji_default": 1}'])
def test_a_file_without_the_connection_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "connections.json").write_text(text)
    with pytest.raises(InvalidRequest, match="has no connection koji_default"):
        account.find({}, tmp_path / "connections.json", never)
