"""Who may fill in a form, and what it answers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from sqlalchemy import Engine

from mbs.model.errors import RegistryUnavailable, ScmUnavailable
from mbs.model.naming import BUILDS, PROBLEMS
from mbs.model.quoting import markdown
from mbs.planning.ids import NOTE
from mbs.registry import BuildFilter, Registry
from operators import hooks
from operators.listeners.task_log import TIMED_OUT
from operators.tasks.forms import Answer, ImportModuleOperator, RequestOperator, SubmitModuleOperator
from operators.tasks.upkeep import RebuildDependantsOperator, UpkeepOperator
from tests.conftest import ROOT, RunningHub
from tests.mbs.modulemd.test_collection import TEMPLATE, document, needs
from tests.operators.conftest import Allow

PLATFORM = (ROOT / "examples" / "platform" / "platform.yaml").read_text()


def fill_in(
    form: RequestOperator, user: str | None, run: Mapping[str, object] | None = None, **fields: object
) -> dict[str, Any]:
    """Run the form's task and give its XComs; the exception it fails with is one of them."""
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=pushed.__setitem__)
    context = {"dag_run": dag_run(user, **(run or {})), "ti": ti, "params": fields}
    try:
        pushed["result"] = form.execute(cast("Context", context))
    except AirflowFailException as failure:
        pushed["failure"] = str(failure)
    return pushed


def dag_run(user: str | None, **facts: object) -> SimpleNamespace:
    now = datetime.now(UTC)
    run = {"dag_id": "submit_module", "run_id": uuid.uuid4().hex, "run_after": now, "start_date": now, **facts}
    return SimpleNamespace(triggering_user_name=user, **run)


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
    assert Registry(registry_engine).builds.find(BuildFilter(name="platform")).total == 1


def test_many_documents_are_imported_together_or_as_far_as_they_can_be(registry_engine: Engine, allow: Allow) -> None:
    allow(allowed_users_to_import_module="pat")
    published = document("perl", needs("platform: [f40]"))
    form, text = ImportModuleOperator(task_id="import"), f"---\n{PLATFORM}{published}"
    refused = fill_in(form, "pat", modulemd=text)
    assert "perl:1:20240101000000:c0ffee00: The imported module buildrequires" in refused[PROBLEMS][0]
    assert Registry(registry_engine).builds.find().total == 0
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
        (RegistryUnavailable("The registry does not answer."), "The registry does not answer."),
        (AirflowTaskTimeout(), TIMED_OUT),
    ],
    ids=["away", "too slow"],
)
def test_a_form_that_was_not_answered_says_why_in_its_note(end: BaseException, words: str) -> None:
    class Form(RequestOperator):
        def answer(self, *_: object) -> Answer:
            raise end

    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=pushed.__setitem__)
    run = dag_run("pat")
    with pytest.raises(type(end)):
        Form(task_id="form").execute(cast("Context", {"dag_run": run, "ti": ti, "params": {}}))
    assert markdown(words) in pushed[NOTE]


GREETING = """\
document: modulemd
version: 2
data:
  name: greeting
  stream: "1"
  summary: A greeting
  description: A greeting
  license: {module: [MIT]}
  dependencies: [{buildrequires: {platform: [f40]}, requires: {platform: [f40]}}]
"""


@pytest.fixture
def packager(running_hub: RunningHub, registry_engine: Engine, allow: Allow) -> Registry:  # noqa: ARG001 - the form asks the hub
    """Everybody may submit documents; the platform is registered."""
    allow(
        allowed_groups="",
        allowed_users_to_import_module="pat",
        yaml_submit_allowed="True",
        modules_allow_scratch="True",
        koji_cg_tag_build="False",
        allow_custom_scmurls="True",
        scm_net_timeout="1",
        scm_net_retry_interval="0.1",
    )
    fill_in(ImportModuleOperator(task_id="import"), "pat", modulemd=PLATFORM)
    return Registry(registry_engine)


def test_a_run_is_one_submission_whatever_try_of_it_comes_through(packager: Registry) -> None:
    """The worker may be killed right after the recording, and a person may clear the run: neither records it again."""
    form, run = SubmitModuleOperator(task_id="submit"), {"run_id": "manual__1", "run_after": datetime.now(UTC)}
    first = fill_in(form, "pat", run, modulemd=GREETING, scratch=True)
    cleared = fill_in(form, "pat", run | {"start_date": datetime.now(UTC)}, modulemd=GREETING, scratch=True)
    assert len(first["result"]) == 1
    assert (cleared["result"], cleared[BUILDS], cleared[NOTE]) == (first["result"], first[BUILDS], first[NOTE])
    assert packager.builds.find(BuildFilter(name="greeting")).total == 1
    other = fill_in(form, "pat", modulemd=GREETING, scratch=True)
    assert other["result"] != first["result"]


def test_a_git_server_that_is_away_is_tried_until_the_deadline(packager: Registry) -> None:
    form, closed = SubmitModuleOperator(task_id="submit"), f"http://127.0.0.1:1/modules/app?#{'c' * 40}"
    with pytest.raises(ScmUnavailable, match="does not answer"):
        fill_in(form, "pat", scmurl=closed, branch="main")
    began = datetime.now(UTC) - timedelta(hours=1)
    answer = fill_in(form, "pat", {"start_date": began}, scmurl=closed, branch="main")
    [problem] = answer[PROBLEMS]
    assert "does not answer" in problem
    assert "It was tried for 300 seconds (setting submission_deadline)" in problem
    assert packager.builds.find(BuildFilter(name="app")).total == 0


def test_a_document_that_takes_too_long_is_refused_at_once(packager: Registry, allow: Allow) -> None:
    allow(submission_deadline="0.01")
    answer = fill_in(SubmitModuleOperator(task_id="submit"), "pat", modulemd=GREETING)
    assert "It took longer than 0.01 seconds (setting submission_deadline)" in answer["failure"]
    assert packager.builds.find(BuildFilter(name="greeting")).total == 0


def test_the_deadline_of_a_form_comes_before_airflows(allow: Allow) -> None:
    allow(rebuild_dependants="True")
    forms = DagBag(ROOT / "dags").dags.values()
    timeouts = [task.execution_timeout for form in forms for task in form.tasks if form.dag_id != "upkeep"]
    deadline = timedelta(seconds=hooks.settings().submission_deadline)
    assert [timeout is not None and timeout > deadline for timeout in timeouts] == [True, True, True]
