"""Who may fill in a form, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from sqlalchemy import Engine

from mbs.errors import RegistryAway
from mbs.forms import PROBLEMS
from mbs.quoting import markdown
from mbs.registry import BuildFilter, Registry
from operators import settings as settings_module
from operators.dependants import RebuildDependantsOperator
from operators.identifiers import NOTE
from operators.requests import Answer, ImportModuleOperator, RequestOperator, SubmitModuleOperator
from operators.task_log import TIMED_OUT
from operators.upkeep import UpkeepOperator
from tests.conftest import ROOT
from tests.mbs.modulemd.test_collection import TEMPLATE, document, needs

PLATFORM = (ROOT / "examples" / "platform" / "platform.yaml").read_text()

Allow = Callable[..., None]


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Allow:
    """Set who may do what."""

    def given(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"AIRFLOW__MBS__{name.upper()}", value)
        settings_module.settings.cache_clear()

    return given


def fill_in(form: RequestOperator, user: str | None, **fields: object) -> dict[str, Any]:
    """Run the form's task and give its XComs; the exception it fails with is one of them."""
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(try_number=1, xcom_push=pushed.__setitem__)
    run = SimpleNamespace(triggering_user_name=user, start_date=None)
    try:
        pushed["result"] = form.execute(cast("Context", {"dag_run": run, "ti": ti, "params": fields}))
    except AirflowFailException as failure:
        pushed["failure"] = str(failure)
    return pushed


@pytest.mark.parametrize(
    "form", [SubmitModuleOperator, ImportModuleOperator, RebuildDependantsOperator, UpkeepOperator]
)
def test_nothing_that_is_filled_in_is_a_template(form: type[BaseOperator]) -> None:
    assert not form(task_id="a_task").template_fields


@pytest.mark.parametrize("user", [None, "", "airflow", "eve"])
def test_whoever_is_not_named_may_neither_submit_nor_import(user: str | None, allow: Allow) -> None:
    allow(allowed_groups="packager", allowed_users="pat", allowed_users_to_import_module="pat")
    for form in (SubmitModuleOperator(task_id="submit"), ImportModuleOperator(task_id="import")):
        answer = fill_in(form, user, modulemd=PLATFORM)
        [problem] = answer[PROBLEMS]
        assert "Airflow does not say who" in problem or f"{user} is not among the users" in problem
        assert answer["failure"] == f"Refused: {problem}"
        assert markdown(problem) in answer[NOTE]


def test_a_run_of_nobody_is_refused_even_where_everyone_may_submit(allow: Allow) -> None:
    allow(allowed_groups="")
    [problem] = fill_in(SubmitModuleOperator(task_id="submit"), None, modulemd=PLATFORM)[PROBLEMS]
    assert "Airflow does not say who started this run" in problem


def test_who_may_submit_may_not_import_for_that(allow: Allow) -> None:
    allow(allowed_groups="", allowed_users="pat")
    [problem] = fill_in(ImportModuleOperator(task_id="import"), "pat", modulemd=PLATFORM)[PROBLEMS]
    assert "allowed_users_to_import_module" in problem


def test_who_may_import_imports(registry_engine: Engine, allow: Allow) -> None:
    allow(allowed_users_to_import_module="pat")
    answer = fill_in(ImportModuleOperator(task_id="import"), "pat", modulemd=PLATFORM)
    assert answer["result"] == "platform:f40:1:00000000", answer
    assert "imported" in answer[NOTE]
    assert Registry(registry_engine).find(BuildFilter(name="platform")).total == 1


def test_many_documents_are_imported_together_or_as_far_as_they_can_be(registry_engine: Engine, allow: Allow) -> None:
    allow(allowed_users_to_import_module="pat")
    published = document("perl", needs("platform: [f40]"))
    form, text = ImportModuleOperator(task_id="import"), f"---\n{PLATFORM}{published}"
    refused = fill_in(form, "pat", modulemd=text)
    assert "perl:1:20240101000000:c0ffee00: The imported module buildrequires" in refused[PROBLEMS][0]
    assert Registry(registry_engine).find().total == 0
    skipped = fill_in(form, "pat", modulemd=text, skip_invalid=True)
    assert skipped["result"] == "platform:f40:1:00000000"
    assert "1 module imported, 1 document skipped." in skipped[NOTE]
    assert "Skipped: line" in skipped[NOTE]
    filled = fill_in(form, "pat", modulemd=text, koji_tag_template=TEMPLATE)
    assert filled["result"] == ["platform:f40:1:00000000", "perl:1:20240101000000:c0ffee00"]
    assert "Koji tag module-perl-1-20240101000000-c0ffee00; built against platform:f40" in filled[NOTE]


def test_a_note_quotes_a_document_without_its_links_images_and_tags(allow: Allow) -> None:
    allow(allowed_users_to_import_module="pat")
    hostile = PLATFORM.replace("name: platform", 'name: "![](https://evil.example) <img src=x>"')
    answer = fill_in(ImportModuleOperator(task_id="import"), "pat", modulemd=hostile)
    assert "![](https://evil.example) <img src=x>" in answer[PROBLEMS][0]
    assert '`"![](https://evil.example)` \\<img src=x>"' in answer[NOTE]


@pytest.mark.usefixtures("running_hub", "registry_engine")
@pytest.mark.parametrize("user", ["pat", "airflow"])
def test_a_form_cannot_be_filled_in_for_somebody_else(user: str, allow: Allow) -> None:
    allow(allowed_groups="", yaml_submit_allowed="True", allowed_users_to_choose_owner="ci")
    answer = fill_in(SubmitModuleOperator(task_id="submit"), user, modulemd=PLATFORM, owner="robin")
    assert any("'owner'" in problem for problem in answer[PROBLEMS])
    allowed = fill_in(SubmitModuleOperator(task_id="submit"), "ci", modulemd=PLATFORM, owner="robin")
    assert not any("'owner'" in problem for problem in allowed[PROBLEMS])


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (RegistryAway("The registry does not answer."), "The registry does not answer."),
        (AirflowTaskTimeout(), TIMED_OUT),
    ],
    ids=["away", "too slow"],
)
def test_a_form_that_was_not_answered_says_why_in_its_note(end: BaseException, words: str) -> None:
    class Form(RequestOperator):
        def answer(self, *_: object) -> Answer:
            raise end

    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(try_number=1, xcom_push=pushed.__setitem__)
    run = SimpleNamespace(triggering_user_name="pat", start_date=None)
    with pytest.raises(type(end)):
        Form(task_id="form").execute(cast("Context", {"dag_run": run, "ti": ti, "params": {}}))
    assert markdown(words) in pushed[NOTE]
