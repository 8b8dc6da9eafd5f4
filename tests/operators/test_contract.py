"""What Airflow demands of operators, the hook and the links, for all of them."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.sdk import Connection

from mbs.koji.session import HubAccount
from mbs.model.errors import InvalidRequest
from mbs.model.plan import BuildPlan
from operators import graph
from operators.hooks import KojiHook, account_of
from operators.provider_info import get_provider_info
from operators.tasks.base import ModuleBuildOperator
from operators.tasks.component import BuildComponentOperator
from tests.conftest import RunningHub

OPERATORS = [cls for cls in graph.OPERATORS.values() if inspect.isclass(cls) and issubclass(cls, ModuleBuildOperator)]


@pytest.mark.parametrize("cls", OPERATORS)
def test_an_operator_takes_the_plan_by_name_and_retries_infrastructure(
    cls: type[ModuleBuildOperator], plan: BuildPlan
) -> None:
    given: dict[str, Any] = {"component": "tool", "arch": "x86_64"} if cls is BuildComponentOperator else {}
    task = cls(task_id="a_task", plan=plan, **given)
    assert task.plan is plan
    assert (task.retries or 0) >= 3
    assert not task.start_from_trigger
    assert "plan" not in task.template_fields


def test_the_provider_s_description_is_one_that_airflow_takes() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider.yaml.schema.json").read_text())
    info = get_provider_info()
    jsonschema.validate(info["connection-types"], schema["properties"]["connection-types"])
    jsonschema.validate(info["config"], {**schema["properties"]["config"], "definitions": schema["definitions"]})
    (connection,) = info["connection-types"]
    assert connection["connection-type"] == KojiHook.conn_type
    assert connection["hook-class-name"] == f"{KojiHook.__module__}.{KojiHook.__name__}"


def connection(**fields: Any) -> Connection:
    defaults = {"conn_id": "koji_default", "conn_type": "koji", "host": "https://koji.example.org/kojihub"}
    return Connection(**{**defaults, **fields})


PASSWORD = HubAccount(
    "https://koji.example.org/kojihub",
    "https://koji.example.org/koji",
    "https://koji.example.org/kojifiles",
    "password",
    user="mbs",
    password="secret",
)


def test_a_connection_with_user_and_password_logs_in_with_them() -> None:
    assert account_of(connection(login="mbs", password="secret")) == PASSWORD


def test_a_connection_s_extra_says_the_rest() -> None:
    extra = {
        "authentication": "kerberos",
        "principal": "mbs/h@E",
        "keytab": "/k",
        "web_url": "https://w/",
        "timeout": 9,
    }
    assert account_of(connection(extra=json.dumps(extra))) == replace(
        PASSWORD,
        web_url="https://w",
        authentication="kerberos",
        principal="mbs/h@E",
        keytab="/k",
        timeout=9,
        user=None,
        password=None,
    )


def test_a_connection_given_as_a_uri_is_completed() -> None:
    given = connection(host="koji.example.org", port=8080, schema="http", login="mbs", password="secret")
    assert account_of(given).hub_url == "http://koji.example.org:8080/kojihub"


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"host": ""}, "put its URL"), ({"extra": '{"authentication": "magic"}'}, "is none of none, password")],
)
def test_a_connection_that_cannot_be_used_says_what_to_do(fields: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        account_of(connection(**fields))


def test_an_account_does_not_show_its_password() -> None:
    assert "secret" not in repr(PASSWORD)


@pytest.mark.usefixtures("running_hub")
def test_the_connection_s_test_button_tells_who_we_are(
    monkeypatch: pytest.MonkeyPatch, running_hub: RunningHub
) -> None:
    assert KojiHook().test_connection()[0]
    assert "logged in as mbs" in KojiHook().test_connection()[1]
    wrong = {"conn_type": "koji", "host": running_hub.url, "login": "mbs", "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_KOJI_DEFAULT", json.dumps(wrong))
    works, text = KojiHook().test_connection()
    assert not works
    assert "refused login" in text
